package routing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// states lists the pool's backends and their states.
func (g *gateway) states() string {
	s := g.pool.Snapshot()
	var all []string
	for _, b := range s.Backends() {
		all = append(all, fmt.Sprintf("%s %s", b.URL(), s.State(b)))
	}
	return strings.Join(all, ", ")
}

// TestSucceed has a pool of a and b take over the backends of another pool.
func TestSucceed(t *testing.T) {
	moved := routing.BackendConfig{ID: "b", URL: "http://moved:3000"}
	for name, c := range map[string]struct {
		before func(g *gateway) // what happens to the other pool, of a and b too
		after  func(g *gateway)
		want   string
	}{
		"the same ones stay as they are":   {want: "http://a:3000 up, http://b:3000 up"},
		"a drain goes on":                  {before: tell(routing.Draining), want: "http://a:3000 draining, http://b:3000 up"},
		"an unknown one drains":            {before: func(g *gateway) { g.set("a", "b", "c") }, want: "http://a:3000 up, http://b:3000 up, http://c:3000 draining"},
		"one that had left is not drained": {before: func(g *gateway) { g.set("b") }, want: "http://a:3000 up, http://b:3000 up"},
		"one that has moved is another": {
			before: func(g *gateway) { _ = g.pool.Set(append(named("a"), moved)) },
			want:   "http://a:3000 up, http://b:3000 up, http://moved:3000 draining",
		},
		"an unknown one may turn out to be ours": {
			before: func(g *gateway) { g.set("a", "b", "c") }, after: func(g *gateway) { g.set("a", "c") },
			want: "http://a:3000 up, http://c:3000 up, http://b:3000 draining",
		},
		"an unknown one leaves when nothing is left of it": {
			before: func(g *gateway) { g.set("a", "b", "c") },
			after:  func(g *gateway) { g.clock.advance(3 * time.Minute); g.pool.Sweep() },
			want:   "http://a:3000 up, http://b:3000 up",
		},
	} {
		t.Run(name, func(t *testing.T) {
			old, g := newGateway(t, routing.Config{}, named("a", "b")...), newGateway(t, routing.Config{}, named("a", "b")...)
			if c.before != nil {
				c.before(old)
			}
			if err := g.pool.Succeed(old.pool.Members()); err != nil {
				t.Fatal(err)
			}
			if c.after != nil {
				c.after(g)
			}
			if got := g.states(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestSessionsOfAnUnknownBackendGoOn(t *testing.T) {
	old, g := newGateway(t, routing.Config{}, named("a", "c")...), newGateway(t, routing.Config{}, named("a")...)
	old.sessions.Learn("s", old.backend("c"), time.Minute, routing.ByHandshake)
	if err := g.pool.Succeed(old.pool.Members()); err != nil {
		t.Fatal(err)
	}
	for sid, e := range old.sessions.All() {
		e.Backend = g.backend(e.Backend.ID())
		g.sessions.Import(sid, e)
	}
	if d := g.poll("s"); d.Backend.URL() != "http://c:3000" {
		t.Errorf("the session went to %s, want http://c:3000", d.Backend.URL())
	}
	for range 20 {
		if d := g.route(routing.Request{Opens: true}); d.Backend.ID() != "a" {
			t.Errorf("a new session went to %s, want a", d.Backend.ID())
		}
	}
}

func TestSucceedChangesNothingOnAnError(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	before := g.pool.Snapshot()
	list := []routing.Member{{BackendConfig: named("b")[0]}, {BackendConfig: routing.BackendConfig{ID: "c"}}}
	if err := g.pool.Succeed(list); err == nil || g.pool.Snapshot() != before {
		t.Errorf("error %v, want one, and the pool as it was", err)
	}
}
