package routing_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// listed returns the sids that Of names, in order.
func (g *gateway) listed(id string) []string {
	g.Helper()
	return slices.Sorted(maps.Keys(maps.Collect(g.sessions.Of(g.backend(id)))))
}

func TestOfListsTheSessionsOfOneBackend(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a", "b")...)
	var want []string
	for i := range 3000 {
		sid := fmt.Sprintf("a-%04d", i)
		want = append(want, sid)
		g.sessions.Learn(sid, g.backend("a"), 0, routing.ByHandshake)
		g.sessions.Learn(fmt.Sprintf("b-%04d", i), g.backend("b"), 0, routing.ByHandshake)
	}
	g.poll("a-0001")
	if got := g.listed("a"); !slices.Equal(got, want) {
		t.Errorf("%d sids, want %d", len(got), len(want))
	}
	d := g.route(routing.Request{SID: "a-0002", Upgrade: true})
	for sid, e := range g.sessions.Of(g.backend("a")) {
		seen, _ := g.sessions.Lookup(sid)
		if e != seen || e.Tunnels != map[bool]int{true: 1}[sid == "a-0002"] {
			t.Errorf("%s: %+v, want %+v", sid, e, seen)
		}
	}
	d.Hold.Release()
	for range g.sessions.Of(g.backend("a")) {
		break // a caller may have seen enough
	}
	tell(routing.Down, routing.Up)(g)
	if got := g.listed("a"); len(got) > 0 {
		t.Errorf("%d sessions of its former life", len(got))
	}
}

func TestAnEntrySaysWhetherItsClientHasLeft(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	g.handshake("s")
	d := g.route(routing.Request{SID: "s", Upgrade: true})
	for _, want := range []bool{true, false} {
		if e, _ := g.sessions.Lookup("s"); e.Counted != want {
			t.Errorf("counted: %v, want %v", e.Counted, want)
		}
		d.Hold.Release()
	}
}

func TestRetire(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	g.handshake("idle")
	g.handshake("open")
	open := g.route(routing.Request{SID: "open"})
	for sid, want := range map[string]bool{"idle": true, "open": false, "nobody": false} {
		if got := g.sessions.Retire(sid, 30*time.Second); got != want {
			t.Errorf("%s: %v, want %v", sid, got, want)
		}
	}
	if _, err := g.router.Route(routing.Request{SID: "idle"}); err != routing.ErrRetired || !errors.Is(err, routing.ErrGone) {
		t.Errorf("error %v, want ErrRetired, which is an ErrGone", err)
	}
	if g.sessions.Retire("idle", time.Hour) {
		t.Error("it was retired twice")
	}
	open.Hold.Release()
	g.count("a", counts{sessions: 1}, "when one of two is retired")
	g.clock.advance(31 * time.Second)
	g.sessions.Sweep(100)
	if _, err := g.router.Route(routing.Request{SID: "idle"}); err != routing.ErrUnknownSession {
		t.Errorf("after a while: error %v, want ErrUnknownSession", err)
	}
}

func TestSessionsAreListedWhileTheyComeAndGo(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	b := g.backend("a")
	var work sync.WaitGroup
	for w := range 4 {
		work.Go(func() {
			for i := range 2000 {
				sid := fmt.Sprint(w, "-", i)
				g.sessions.Learn(sid, b, 0, routing.ByHandshake)
				d, _ := g.router.Route(routing.Request{SID: sid})
				d.Hold.Release()
			}
		})
	}
	for range 20 {
		for sid := range g.sessions.Of(b) {
			g.sessions.Retire(sid, time.Second)
			break
		}
		for range g.sessions.Of(b) {
		}
	}
	work.Wait()
	for sid := range g.sessions.Of(b) {
		if !g.sessions.Retire(sid, time.Second) {
			t.Errorf("%s could not be retired", sid)
		}
	}
	g.count("a", counts{}, "when all are retired")
}

// BenchmarkOf looks through a table of a million sessions on three backends for those of one.
func BenchmarkOf(b *testing.B) {
	g := newGateway(b, routing.Config{}, many(3)...)
	g.learnMany(1_000_000)
	for b.Loop() {
		for range g.sessions.Of(g.backend("b1")) {
		}
	}
}
