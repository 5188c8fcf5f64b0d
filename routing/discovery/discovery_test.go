package discovery_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/discovery"
)

func TestNewRefuses(t *testing.T) {
	set := func([]routing.BackendConfig) error { return nil }
	one := []discovery.Source{source(t, "dns://web:80")}
	for name, c := range map[string]struct {
		config discovery.Config
		want   string
	}{
		"nobody to tell":               {discovery.Config{Sources: one}, "Set is nil"},
		"nothing to ask":               {discovery.Config{Set: set}, "no Sources"},
		"a source that is none":        {discovery.Config{Set: set, Sources: make([]discovery.Source, 1)}, `source "": want a result of ParseSource`},
		"a source that is there twice": {discovery.Config{Set: set, Sources: append(one, one...)}, `source "dns://web:80": want`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := discovery.New(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestWhatIsConfiguredComesFirst(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	write(t, one, "http://10.0.0.1:3000\nweb-2=http://10.0.0.8:3000\nhttp://10.0.0.3:3000\n")
	write(t, two, "three=http://10.0.0.3:3000\nfour=http://10.0.0.4:3000\n")
	config := discovery.Config{Static: []routing.BackendConfig{
		{ID: "web-1", URL: "http://10.0.0.1:3000", Weight: 5}, {ID: "web-2", URL: "http://10.0.0.2:3000"}, {URL: "http://10.0.0.9:3000"},
	}}
	static := []string{"web-1,weight=5", "web-2", "10.0.0.9:3000"}
	watch(t, config, []string{"file://" + one, "file://" + two}, func(w *watched) {
		w.has(t, append(static, "10.0.0.3:3000", "four")...)
		if text := w.log.take(); !strings.Contains(text, "left out") || !strings.Contains(text, "backend=web-2 url=http://10.0.0.8:3000 taken-by=http://10.0.0.2:3000") {
			t.Errorf("not said that the second web-2 is left out:\n%s", text)
		}
		replace(t, one, "http://10.0.0.5:3000\n") // the first no longer lists what the second lists under another ID
		after(noticed)
		w.has(t, append(static, "10.0.0.5:3000", "three", "four", "10.0.0.3:3000,draining")...)
	})
}

func TestADiscoveredBackendThatIsConfiguredAsWellIsNoNews(t *testing.T) {
	config := discovery.Config{Static: []routing.BackendConfig{{URL: "http://10.0.0.1:3000"}}}
	path := filepath.Join(t.TempDir(), "backends")
	write(t, path, "http://10.0.0.1:3000\n")
	watch(t, config, []string{"file://" + path}, func(w *watched) {
		w.has(t, "10.0.0.1:3000")
		w.said(t, "joined")
	})
}

// What Set refuses must not be refused once a second.
func TestARefusedListIsSaidOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backends")
	write(t, path, "http://10.0.0.1:3000\n")
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		sets := 0
		d, err := discovery.New(discovery.Config{
			Sources: []discovery.Source{source(t, "file://"+path)},
			Set:     func([]routing.BackendConfig) error { sets++; return errors.New("two have equal tokens") },
			Logger:  slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		d.Run(ctx)
		if sets != 1 || strings.Count(log.String(), "two have equal tokens") != 1 {
			t.Errorf("set %d times, want once; log:\n%s", sets, log.String())
		}
	})
}

func TestReadyWaitsForTheSlowestSource(t *testing.T) {
	server := startNameServer(t)
	server.knows(zone{"web.test.": {"A 10.0.0.1"}})
	path := filepath.Join(t.TempDir(), "backends")
	write(t, path, "http://10.0.0.2:3000\n")
	watch(t, discovery.Config{Resolver: server.resolver()}, []string{"file://" + path, "dns://web.test.:3000"}, func(w *watched) {
		w.has(t, "10.0.0.2:3000", "10.0.0.1:3000")
	})
}
