package discovery_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/discovery"
)

// watched is a pool that a running Discovery keeps up to date, in a bubble of synctest.
type watched struct {
	*discovery.Discovery
	pool *routing.Pool
	sets int // how many times the membership was set
	log  record
}

// record is a log that is read while it is written.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

// take returns what was written since the last call.
func (r *record) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.text.Reset()
	return r.text.String()
}

// watch runs a Discovery of the sources in a bubble and gives it to do once every source was asked. It fails the test if
// Run does not end with its context.
func watch(t *testing.T, c discovery.Config, sources []string, do func(*watched)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &watched{pool: routing.NewPool(routing.PoolConfig{})}
		for _, text := range sources {
			c.Sources = append(c.Sources, source(t, text))
		}
		c.Set = func(list []routing.BackendConfig) error {
			w.sets++
			return w.pool.Set(list)
		}
		c.Logger = slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
		var err error
		if w.Discovery, err = discovery.New(c); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.Run(ctx) })
		<-w.Ready()
		do(w)
		stop()
		running.Wait()
	})
}

func source(t *testing.T, text string) discovery.Source {
	t.Helper()
	s, err := discovery.ParseSource(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return s
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// after lets d pass and what it brings about happen.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// has fails the test if the pool is not want, one word for each backend: its ID, with more behind it where it is not Up,
// of weight 1 and ordinary.
func (w *watched) has(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, b := range w.pool.Snapshot().Backends() {
		text := b.ID()
		if s := b.State(); s != routing.Up {
			text += "," + s.String()
		}
		if n := b.Config().Weight; n != 1 {
			text += fmt.Sprintf(",weight=%d", n)
		}
		if b.Config().Backup {
			text += ",backup"
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pool has %q, want %q", got, want)
	}
}

// said fails the test if the log's lines since the last call are not want, one part of each.
func (w *watched) said(t *testing.T, want ...string) {
	t.Helper()
	lines := slices.Collect(strings.Lines(w.log.take()))
	if !slices.EqualFunc(lines, want, strings.Contains) {
		t.Errorf("said %q, want %q", lines, want)
	}
}
