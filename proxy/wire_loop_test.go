package proxy_test

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// TestFailedDialsAreGivenBack has requests go on to a second backend because the first refuses dials: of those nothing is
// left.
func TestFailedDialsAreGivenBack(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 2, nil)
	g.backend(0).refuse()
	for range 20 {
		if got := g.dial(t).ask(plainGet); got.raw() != ok {
			t.Errorf("got %q", got.raw())
		}
	}
	eventually(t, "no connection to the first backend is in use", func() bool { return g.proxy.Lent(g.owner(t, 0)) == 0 })
}

// TestAPipelineIsNotCarriedByTheLoopAlone sends a thousand requests at once that are refused without a backend, and of which
// a buffer holds so many exactly: none is read in two parts, for which a goroutine would wait.
func TestAPipelineIsNotCarriedByTheLoopAlone(t *testing.T) {
	t.Parallel()
	var log placed
	g := startProxy(t, 1, func(cfg *proxy.Config) {
		cfg.NoSeek, cfg.AccessLog, cfg.Logger = true, true, slog.New(&log)
	})
	const n, length = 1000, 128
	request := poll(strings.Repeat("x", length-len(poll(""))))
	c := g.dial(t)
	c.send(strings.Repeat(request, n))
	for range n {
		if got := c.reply(); got.status() != 400 {
			t.Fatalf("got %q", got.raw())
		}
	}
	// The requests come in a few segments, and with each the loop may have its turn.
	if on := log.onLoop.Load(); on > n/2 {
		t.Errorf("the loop answered %d of %d requests", on, n)
	}
}

// placed is a log that counts the lines written on an event loop's goroutine.
type placed struct{ onLoop atomic.Int32 }

func (*placed) Enabled(context.Context, slog.Level) bool { return true }
func (p *placed) WithAttrs([]slog.Attr) slog.Handler     { return p }
func (p *placed) WithGroup(string) slog.Handler          { return p }

func (p *placed) Handle(context.Context, slog.Record) error {
	if strings.Contains(string(debug.Stack()), "event.(*Loop)") {
		p.onLoop.Add(1)
	}
	return nil
}

// TestACrowdAtTheDoorIsLetIn has many connections wait in the kernel's queue before the listener is served.
func TestACrowdAtTheDoorIsLetIn(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, nil)
	ln := listen(t)
	door := rig{addr: ln.Addr().String()}
	var crowd []*client
	for range 100 {
		crowd = append(crowd, door.dial(t))
	}
	g.listen(t, ln)
	for i, c := range crowd {
		if got := c.ask(plainGet); got.raw() != ok {
			t.Fatalf("client %d got %q", i, got.raw())
		}
	}
}
