package routing_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// transfer hands g's whole table over to a gateway with the same backends whose clock began later, and has room for limit
// sids.
func (g *gateway) transfer(limit int) *gateway {
	g.Helper()
	var ids []string
	for _, b := range g.pool.Snapshot().Backends() {
		ids = append(ids, b.ID())
	}
	next := newSmallGateway(g, limit, routing.Config{}, named(ids...)...)
	next.clock.advance(g.clock.Now().Sub(next.clock.Now()))
	next.sessions = routing.NewSessions(routing.SessionsConfig{Limit: limit, Now: next.clock.Now})
	var err error
	if next.router, err = routing.NewRouter(routing.Config{Pool: next.pool, Sessions: next.sessions, Rand: dice()}); err != nil {
		g.Fatal(err)
	}
	for sid, e := range g.sessions.All() {
		e.Backend = next.backend(e.Backend.ID())
		next.sessions.Import(sid, e)
	}
	return next
}

// TestTransfer has session "s", which can live for 45 s, taken over by another table.
func TestTransfer(t *testing.T) {
	open := func(g *gateway) { g.sessions.Learn("s", g.backend("a"), 45*time.Second, routing.ByHandshake) }
	for name, c := range map[string]struct {
		before, after func(g *gateway)
		want          bool
		counts        int64 // of its backend, in the end
	}{
		"a handshake's pin goes along":            {before: open, want: true, counts: 1},
		"and a search's":                          {before: func(g *gateway) { g.sessions.Learn("s", g.backend("a"), 0, routing.BySearch) }, want: true, counts: 1},
		"and a proven one":                        {before: func(g *gateway) { open(g); g.poll("s") }, want: true, counts: 1},
		"that of a waiting poll counts on":        {before: func(g *gateway) { open(g); g.route(routing.Request{SID: "s"}) }, want: true, counts: 1},
		"a tunnel stays, and its session's count": {before: func(g *gateway) { open(g); g.route(routing.Request{SID: "s", Upgrade: true}) }, want: true},
		"a closed tunnel's does not count again": {
			before: func(g *gateway) { open(g); d := g.route(routing.Request{SID: "s", Upgrade: true}); d.Hold.Release() }, want: true,
		},
		"what was silent goes on being silent": {
			before: func(g *gateway) { open(g); pass(30 * time.Second)(g) }, after: pass(16 * time.Second),
		},
		"and may still come back": {
			before: func(g *gateway) { open(g); pass(30 * time.Second)(g) },
			after:  func(g *gateway) { pass(15 * time.Second)(g); g.poll("s"); pass(40 * time.Second)(g) },
			want:   true, counts: 1,
		},
		"a poll that waits is no silence": {
			before: func(g *gateway) { open(g); g.route(routing.Request{SID: "s"}); pass(time.Hour)(g) },
			after:  pass(45 * time.Second), want: true, counts: 1,
		},
		"what has expired is not taken":   {before: func(g *gateway) { open(g); g.clock.advance(46 * time.Second) }},
		"what is dead is not handed over": {before: func(g *gateway) { open(g); tell(routing.Down, routing.Up)(g) }},
		"what was forgotten is gone":      {before: func(g *gateway) { open(g); g.sessions.Forget("s") }},
	} {
		t.Run(name, func(t *testing.T) {
			g := newSmallGateway(t, 100, routing.Config{}, named("a")...)
			g.clock.advance(time.Minute)
			c.before(g)
			next := g.transfer(100)
			if c.after != nil {
				c.after(next)
			}
			if got := next.knows("s") == "s"; got != c.want {
				t.Errorf("pinned: %v, want %v", got, c.want)
			}
			if got := next.backend("a").Sessions(); got != c.counts {
				t.Errorf("the backend counts %d sessions, want %d", got, c.counts)
			}
		})
	}
}

// TestImportYieldsToWhatIsKnown imports a pin to backend a into a table that knows better.
func TestImportYieldsToWhatIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(g *gateway)
		want string // whose the session is in the end
		said bool
	}{
		"nothing is known":                  {do: func(*gateway) {}, want: "a", said: true},
		"it is known to be there":           {do: func(g *gateway) { g.sessions.Learn("s", g.backend("a"), 0, routing.BySearch) }, want: "a", said: true},
		"a handshake gave it out elsewhere": {do: func(g *gateway) { g.sessions.Learn("s", g.backend("b"), 0, routing.ByHandshake) }, want: "b"},
		"a search has found it elsewhere":   {do: func(g *gateway) { g.sessions.Learn("s", g.backend("b"), 0, routing.BySearch) }, want: "b"},
		"it was ended here":                 {do: func(g *gateway) { g.sessions.Bury("s", time.Minute) }},
		"its backend is down":               {do: tell(routing.Down)},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, routing.Config{}, named("a", "b")...)
			c.do(g)
			now := g.clock.Now()
			said := g.sessions.Import("s", routing.Entry{Backend: g.backend("a"), Since: now, Used: now, TTL: time.Minute})
			if said != c.said {
				t.Errorf("Import said %v, want %v", said, c.said)
			}
			owner := ""
			if e, ok := g.sessions.Lookup("s"); ok {
				owner = e.Backend.ID()
			}
			if owner != c.want {
				t.Errorf("the session is %q's, want %q's", owner, c.want)
			}
		})
	}
}

func TestTransferKeepsWhatLookupSays(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	g.sessions.Learn("s", g.backend("a"), 45*time.Second, routing.BySearch)
	g.clock.advance(9 * time.Second)
	g.sessions.Sweep(0)
	d := g.route(routing.Request{SID: "s", EIO: 3})
	d.Hold.Release()
	g.clock.advance(9 * time.Second)
	next := g.transfer(100)
	want, _ := g.sessions.Lookup("s")
	want.Backend = next.backend("a")
	if got, ok := next.sessions.Lookup("s"); !ok || got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTransferIntoASmallerTableKeepsToItsLimit(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	g.learnMany(1000)
	next := g.transfer(64)
	st := next.sessions.Stats()
	if pins := st.Unproven + st.Proven; pins > 64 || pins < 56 || st.EvictedProven == 0 {
		t.Errorf("stats %+v, want 56 to 64 pins and the rest evicted", st)
	}
	next.count("a", counts{int64(st.Unproven + st.Proven), 0}, "after the transfer")
}

func TestTransferMayStopAnywhere(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	g.learnMany(3000)
	seen := 0
	for range g.sessions.All() {
		if seen++; seen == 1234 {
			break
		}
	}
	if seen != 1234 {
		t.Errorf("%d sessions seen, want 1234", seen)
	}
}

// TestAllBesideTraffic lists the table while sessions come and go: those that stay are each seen once.
func TestAllBesideTraffic(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a", "b")...)
	stay := g.learnMany(20_000)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			sid := fmt.Sprint("passing-", i)
			g.handshake(sid)
			g.poll(stay[i%len(stay)])
			g.sessions.Forget(sid)
		}
	}()
	seen := map[string]int{}
	for sid, e := range g.sessions.All() {
		if seen[sid]++; e.Backend == nil || e.TTL == 0 {
			t.Fatalf("%q: %+v", sid, e)
		}
	}
	close(stop)
	<-stopped
	for _, sid := range stay {
		if seen[sid] != 1 {
			t.Fatalf("%q was seen %d times, want once", sid, seen[sid])
		}
	}
}

func TestOnLearnTellsOfPinsThatAreStored(t *testing.T) {
	g := newSmallGateway(t, 16, routing.Config{}, named("a")...)
	told := map[string]routing.Entry{}
	g.handshake("before")
	g.sessions.OnLearn(func(sid string, e routing.Entry) { told[sid] = e })
	g.handshake("opened")
	g.sessions.Learn("found", g.backend("a"), time.Minute, routing.BySearch)
	g.sessions.Bury("gone", time.Minute)
	g.sessions.Learn("gone", g.backend("a"), 0, routing.BySearch)
	g.poll("opened")
	g.sessions.OnLearn(nil)
	g.handshake("after")
	if len(told) != 2 {
		t.Errorf("told of %v, want of opened and found", told)
	}
	want, _ := g.sessions.Lookup("opened")
	want.Proven = false
	if told["opened"] != want {
		t.Errorf("told of %+v, want %+v", told["opened"], want)
	}
	if e := told["found"]; e.Proof != routing.BySearch || e.Backend != g.backend("a") {
		t.Errorf("told of %+v, want it found at a", e)
	}
}
