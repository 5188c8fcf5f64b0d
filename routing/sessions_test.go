package routing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// knows reports which of the sids are pinned.
func (g *gateway) knows(sids ...string) string {
	known := ""
	for _, sid := range sids {
		if _, ok := g.sessions.Lookup(sid); ok {
			known += sid
		}
	}
	return known
}

// fill opens n sessions that never come back.
func (g *gateway) fill(n int) {
	g.Helper()
	for i := range n {
		g.sessions.Learn(fmt.Sprintf("flood-%d", i), g.backend("a"), 0, routing.ByHandshake)
	}
}

// TestFullTable has room for 16 pins, of which 2 are kept for handshakes.
func TestFullTable(t *testing.T) {
	proven := func(g *gateway, n int) {
		for i := range n {
			g.handshake(string(rune('A' + i)))
			g.poll(string(rune('A' + i)))
		}
	}
	const all = "ABCDEFGHIJKLMNOP"
	for name, c := range map[string]struct {
		do   func(g *gateway)
		want string // which of A to P are pinned in the end
	}{
		"a flood of handshakes costs no session that has come back": {
			do:   func(g *gateway) { proven(g, 14); g.fill(1000) },
			want: "ABCDEFGHIJKLMN",
		},
		"of handshakes, the oldest gives way": {
			do:   func(g *gateway) { g.handshake("A"); g.fill(15); g.handshake("B") },
			want: "B",
		},
		"a handshake that comes back is safe from then on": {
			do:   func(g *gateway) { g.handshake("A"); g.fill(15); g.poll("A"); g.fill(1000) },
			want: "A",
		},
		"of sessions, the one longest without a request gives way": {
			do: func(g *gateway) {
				proven(g, 14)
				g.clock.advance(10 * time.Second)
				g.sessions.Sweep(100)
				g.poll("A")
				g.handshake("O")
				g.poll("O")
			},
			want: "ACDEFGHIJKLMNO",
		},
		"a session with an open poll never gives way": {
			do: func(g *gateway) {
				proven(g, 14)
				hold := g.route(routing.Request{SID: "A"}).Hold
				defer hold.Release()
				g.handshake("O")
				g.poll("O")
			},
			want: "ACDEFGHIJKLMNO",
		},
		"a session with an open tunnel never gives way": {
			do: func(g *gateway) {
				proven(g, 14)
				hold := g.route(routing.Request{SID: "A", Upgrade: true}).Hold
				defer hold.Release()
				g.clock.advance(time.Hour)
				g.sessions.Sweep(100)
				for i := range 100 {
					sid := fmt.Sprintf("s%d", i)
					g.handshake(sid)
					g.poll(sid)
				}
			},
			want: "A",
		},
		"sessions in use may take the room that is kept for handshakes": {
			do: func(g *gateway) {
				for i := range 16 {
					g.handshake(all[i : i+1])
					g.route(routing.Request{SID: all[i : i+1]})
				}
				g.fill(10)
			},
			want: all,
		},
		"a search's pin gives way like a handshake's": {
			do: func(g *gateway) {
				g.sessions.Learn("A", g.backend("a"), 0, routing.BySearch)
				g.fill(16)
			},
			want: "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newSmallGateway(t, 16, routing.Config{}, named("a")...)
			c.do(g)
			if got := g.knows(strings.Split(all, "")...); got != c.want {
				t.Errorf("pinned are %q, want %q", got, c.want)
			}
			st := g.sessions.Stats()
			if pins := st.Unproven + st.Proven + st.Held; pins > 16 {
				t.Errorf("%d pins, want at most 16", pins)
			}
		})
	}
}

func TestWhatFindsNoRoomIsCountedAndKeepsItsReservation(t *testing.T) {
	g := newSmallGateway(t, 4, routing.Config{}, named("a")...)
	for i := range 4 {
		sid := fmt.Sprint(i)
		g.handshake(sid)
		g.route(routing.Request{SID: sid, Upgrade: true})
	}
	d := g.route(routing.Request{Opens: true})
	if d.Hold.Learn("late", 0) {
		t.Error("a pin was stored in a table full of open tunnels")
	}
	g.count("a", counts{5, 5}, "not stored")
	d.Hold.Release()
	g.count("a", counts{4, 4}, "reply delivered")
	if st := g.sessions.Stats(); st.NotStored != 1 || st.Held != 4 || st.EvictedProven != 0 {
		t.Errorf("stats %+v, want 1 not stored, 4 held, none evicted", st)
	}
	if _, err := g.router.Route(routing.Request{SID: "late"}); err != routing.ErrUnknownSession {
		t.Errorf("error %v, want ErrUnknownSession, so that a search finds it", err)
	}
}

func TestStatsTellTheThreePlacesAndWhatLeftThem(t *testing.T) {
	g := newSmallGateway(t, 8, routing.Config{}, named("a")...)
	check := func(when string, want routing.SessionStats) {
		t.Helper()
		if got := g.sessions.Stats(); got != want {
			t.Errorf("%s: %+v, want %+v", when, got, want)
		}
	}
	g.handshake("A")
	check("after a handshake", routing.SessionStats{Unproven: 1})
	d := g.route(routing.Request{SID: "A"})
	check("during its poll", routing.SessionStats{Held: 1})
	tunnel := g.route(routing.Request{SID: "A", Upgrade: true})
	d.Hold.Release()
	check("after its upgrade", routing.SessionStats{Held: 1})
	tunnel.Hold.Release()
	check("when nothing is open", routing.SessionStats{Proven: 1})
	g.fill(9)
	check("after a flood", routing.SessionStats{Unproven: 7, Proven: 1, EvictedUnproven: 2})
	g.sessions.Bury("A", 30*time.Second)
	check("after its end", routing.SessionStats{Unproven: 7, Buried: 1, EvictedUnproven: 2})
	g.clock.advance(time.Hour)
	g.sessions.Sweep(100)
	check("after an hour", routing.SessionStats{EvictedUnproven: 2, Expired: 7})
}

func TestExpiry(t *testing.T) {
	for name, c := range map[string]struct {
		ttl  time.Duration
		do   func(g *gateway)
		want bool
	}{
		"a session lives its time without a request": {ttl: 45 * time.Second, do: pass(45 * time.Second), want: true},
		"and not longer":                                 {ttl: 45 * time.Second, do: pass(46 * time.Second)},
		"a fraction of a second is a second":             {ttl: 44001 * time.Millisecond, do: pass(45 * time.Second), want: true},
		"without a time of its own it lives two minutes": {do: pass(2 * time.Minute), want: true},
		"and not longer than those":                      {do: pass(121 * time.Second)},
		"each request renews it": {
			ttl: 45 * time.Second,
			do: func(g *gateway) {
				for range 10 {
					pass(40 * time.Second)(g)
					g.poll("s")
				}
			},
			want: true,
		},
		"an open poll keeps it, and its end renews it": {
			ttl: 45 * time.Second,
			do: func(g *gateway) {
				d := g.route(routing.Request{SID: "s"})
				pass(time.Hour)(g)
				d.Hold.Release()
				pass(40 * time.Second)(g)
			},
			want: true,
		},
		"after the end of a poll it lives no longer than usual": {
			ttl: 45 * time.Second,
			do: func(g *gateway) {
				d := g.route(routing.Request{SID: "s"})
				pass(time.Hour)(g)
				d.Hold.Release()
				for range 3 {
					pass(40 * time.Second)(g)
				}
			},
		},
		"a preflight does not renew it": {
			ttl: 45 * time.Second,
			do: func(g *gateway) {
				pass(40 * time.Second)(g)
				d := g.route(routing.Request{SID: "s", Passive: true})
				d.Hold.Release()
				pass(10 * time.Second)(g)
			},
		},
		"a closed tunnel leaves it its time, for it may poll on": {
			ttl: 45 * time.Second,
			do: func(g *gateway) {
				d := g.route(routing.Request{SID: "s", Upgrade: true})
				pass(time.Hour)(g)
				d.Hold.Release()
				pass(40 * time.Second)(g)
			},
			want: true,
		},
		"a longer life in front of it does not lengthen its own": {
			ttl: 45 * time.Second,
			do: func(g *gateway) {
				g.sessions.Learn("long", g.backend("a"), 10*time.Hour, routing.ByHandshake)
				g.sessions.Learn("s", g.backend("a"), 45*time.Second, routing.ByHandshake)
				pass(61 * time.Second)(g)
			},
		},
		"a clock that is set back ends nothing": {
			ttl: 45 * time.Second,
			do: func(g *gateway) {
				pass(40 * time.Second)(g)
				pass(-30 * time.Second)(g)
				g.poll("s")
				pass(50 * time.Second)(g)
			},
			want: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newSmallGateway(t, 100, routing.Config{}, named("a")...)
			g.sessions.Learn("s", g.backend("a"), c.ttl, routing.ByHandshake)
			c.do(g)
			if got := g.knows("s") == "s"; got != c.want {
				t.Errorf("pinned: %v, want %v", got, c.want)
			}
		})
	}
}

// pass lets time pass and sweeps.
func pass(d time.Duration) func(*gateway) {
	return func(g *gateway) {
		g.clock.advance(d)
		g.sessions.Sweep(1000)
	}
}

func TestSweepLooksAtNoMoreThanItMay(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	g.fill(10_000)
	g.clock.advance(time.Hour)
	removed := 0
	for calls := 1; removed < 10_000; calls++ {
		n := g.sessions.Sweep(1000)
		if n > 1000 {
			t.Fatalf("a call with a limit of 1000 removed %d", n)
		}
		if removed += n; calls > 12 {
			t.Fatalf("after %d calls %d of 10,000 are removed", calls, removed)
		}
	}
	g.count("a", counts{}, "all expired")
}

func TestLookupSaysHowASessionIsKnown(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	start := g.clock.Now()
	g.clock.advance(7 * time.Second)
	d := g.route(routing.Request{Opens: true, EIO: 3})
	d.Hold.Learn("s", 45*time.Second)
	g.sessions.Learn("t", g.backend("a"), time.Minute, routing.BySearch)
	g.clock.advance(10 * time.Second)
	g.sessions.Sweep(0)
	g.route(routing.Request{SID: "t", EIO: 4})
	g.route(routing.Request{SID: "t", EIO: 4, Upgrade: true})
	at := func(seconds time.Duration) time.Time { return start.Add(seconds * time.Second) }
	for sid, want := range map[string]routing.Entry{
		"s": {Proof: routing.ByHandshake, Counted: true, Since: at(7), Used: at(7), TTL: 45 * time.Second, EIO: 3},
		"t": {
			Proof: routing.BySearch, Proven: true, Counted: true, Since: at(7), Used: at(17), TTL: time.Minute, EIO: 4, Polls: 1, Tunnels: 1,
		},
	} {
		want.Backend = g.backend("a")
		if got, ok := g.sessions.Lookup(sid); !ok || got != want {
			t.Errorf("%q: %+v, want %+v", sid, got, want)
		}
	}
	tell(routing.Down, routing.Up)(g)
	if e, _ := g.sessions.Lookup("s"); !e.Dead || e.Incarnation != 0 {
		t.Errorf("after its backend's death: dead %v, incarnation %d; want true, 0", e.Dead, e.Incarnation)
	}
}

func TestLearnSaysWhetherTheSIDIsPinnedThere(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a", "b")...)
	a, b := g.backend("a"), g.backend("b")
	long := strings.Repeat("x", routing.MaxSID+1)
	for _, c := range []struct {
		what  string
		sid   string
		on    *routing.Backend
		proof routing.Proof
		want  bool
	}{
		{"no sid", "", a, routing.ByHandshake, false},
		{"a sid too long to keep", long, a, routing.ByHandshake, false},
		{"the longest sid", long[1:], a, routing.ByHandshake, true},
		{"a handshake", "s", a, routing.ByHandshake, true},
		{"a search that agrees with it", "s", a, routing.BySearch, true},
		{"a search that does not", "s", b, routing.BySearch, false},
		{"a search", "t", a, routing.BySearch, true},
		{"a later search", "t", b, routing.BySearch, true},
		{"a handshake after a search", "t", a, routing.ByHandshake, true},
		{"a search after that", "t", b, routing.BySearch, false},
	} {
		if got := g.sessions.Learn(c.sid, c.on, 0, c.proof); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	g.sessions.Bury("s", 30*time.Second)
	g.sessions.Bury("", time.Second)
	g.sessions.Bury(long, time.Second)
	if g.sessions.Learn("s", a, 0, routing.BySearch) {
		t.Error("a search has raised a buried sid")
	}
	if n := g.sessions.Stats().Buried; n != 1 {
		t.Errorf("%d sids are buried, want 1", n)
	}
}

func TestBurialsAreBounded(t *testing.T) {
	g := newSmallGateway(t, 160, routing.Config{}, named("a")...)
	for i := range 1000 {
		g.sessions.Bury(fmt.Sprint(i), time.Hour)
	}
	if n := g.sessions.Stats().Buried; n > 11 {
		t.Errorf("%d sids are buried in a table for 160, want at most 11", n)
	}
}

func TestSIDsAreCopied(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	kept := make([]string, 3)
	for i, verb := range []func(sid string){
		func(sid string) { g.sessions.Learn(sid, g.backend("a"), 0, routing.ByHandshake) },
		func(sid string) { g.sessions.Learn(sid, g.backend("a"), 0, routing.ByHandshake); g.poll(sid) },
		func(sid string) { g.sessions.Bury(sid, time.Minute) },
	} {
		kept[i] = fmt.Sprintf("sid-%d", i)
		inBorrowedMemory(kept[i], verb)
	}
	if got := g.knows(kept...); got != "sid-0sid-1" {
		t.Errorf("known are %q, want sid-0 and sid-1", got)
	}
	if _, err := g.router.Route(routing.Request{SID: kept[2]}); err != routing.ErrGone {
		t.Errorf("error %v, want ErrGone", err)
	}
}
