package routing_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

func TestSetRefusesWhatMakesNoSenseAndChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		list []routing.BackendConfig
		want string
	}{
		"the same ID twice":          {named("a", "a"), "twice"},
		"the same default ID twice":  {[]routing.BackendConfig{{URL: "http://h:1"}, {URL: "http://h:1"}}, "twice"},
		"no URL":                     {[]routing.BackendConfig{{ID: "a"}}, "want SCHEME://"},
		"an address without scheme":  {[]routing.BackendConfig{{URL: "//10.0.0.1:3000"}}, "want SCHEME://"},
		"a host and port without //": {[]routing.BackendConfig{{ID: "a", URL: "localhost:3000"}}, "want SCHEME://"},
		"a URL that is none":         {[]routing.BackendConfig{{URL: "http://[::1"}}, "http://[::1"},
		"a negative weight":          {[]routing.BackendConfig{{URL: "http://h:1", Weight: -1}}, "weight -1"},
		"a negative limit":           {[]routing.BackendConfig{{URL: "http://h:1", MaxSessions: -2}}, "max-sessions -2"},
		"an error behind good ones":  {append(named("x", "y"), routing.BackendConfig{}), "want SCHEME://"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, routing.Config{}, named("a", "b")...)
			before := g.pool.Snapshot()
			if err := g.pool.Set(c.list); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if g.pool.Snapshot() != before {
				t.Error("the pool has changed")
			}
		})
	}
}

func TestABackendIsNamedByItsAddressUnlessItHasAName(t *testing.T) {
	for _, c := range []struct {
		config routing.BackendConfig
		want   string
	}{
		{routing.BackendConfig{URL: "http://10.0.0.1:3000"}, "10.0.0.1:3000"},
		{routing.BackendConfig{URL: "http://[2001:db8::1]:3000/"}, "[2001:db8::1]:3000"},
		{routing.BackendConfig{URL: "unix:/run/app.sock"}, "/run/app.sock"},
		{routing.BackendConfig{URL: "unix:///run/app.sock"}, "/run/app.sock"},
		{routing.BackendConfig{URL: "http://10.0.0.1:3000", ID: "web-1"}, "web-1"},
	} {
		g := newGateway(t, routing.Config{}, c.config)
		b := g.pool.Snapshot().Backends()[0]
		if b.ID() != c.want || b.URL() != c.config.URL {
			t.Errorf("%+v: ID %q, URL %q, want ID %q", c.config, b.ID(), b.URL(), c.want)
		}
		if got := b.Config(); got.ID != c.want || got.Weight != 1 {
			t.Errorf("%+v: its configuration is %+v, want ID %q and weight 1", c.config, got, c.want)
		}
	}
}

// TestStates changes the pool of "a" and "b", where "a" has one session, and looks at a's state.
func TestStates(t *testing.T) {
	for name, c := range map[string]struct {
		do          func(g *gateway)
		want        routing.State
		incarnation int
	}{
		"a new backend is up": {want: routing.Up},
		"down, as told":       {do: tell(routing.Down), want: routing.Down, incarnation: 1},
		"down twice in a row is one death": {
			do: tell(routing.Down, routing.Down), want: routing.Down, incarnation: 1,
		},
		"down, up, down are two deaths": {
			do: tell(routing.Down, routing.Up, routing.Down), want: routing.Down, incarnation: 2,
		},
		"ejection is no death":         {do: tell(routing.Ejected), want: routing.Ejected},
		"a backend comes back ejected": {do: tell(routing.Down, routing.Ejected), want: routing.Ejected, incarnation: 1},
		"health does not undo a drain": {do: tell(routing.Draining, routing.Ejected, routing.Up), want: routing.Draining},
		"a draining backend can die":   {do: tell(routing.Draining, routing.Down), want: routing.Down, incarnation: 1},
		"a drain outlives a restart":   {do: tell(routing.Draining, routing.Down, routing.Up), want: routing.Draining, incarnation: 1},
		"Removed cannot be told":       {do: tell(routing.Removed), want: routing.Up},
		"undrained, it is as healthy as before": {
			do:   func(g *gateway) { tell(routing.Draining, routing.Ejected)(g); g.pool.Drain("a", false) },
			want: routing.Ejected,
		},
		"vanished, it drains": {do: func(g *gateway) { g.set("b") }, want: routing.Draining},
		"vanished and returned, it is its old self": {
			do:   func(g *gateway) { tell(routing.Ejected)(g); g.set("b"); g.set("b", "a") },
			want: routing.Ejected,
		},
		"vanished, it stays while it has sessions": {
			do: func(g *gateway) {
				g.set("b")
				g.clock.advance(time.Hour)
				g.pool.Sweep()
			},
			want: routing.Draining,
		},
		"vanished without sessions, it stays for those that are not known here": {
			do: func(g *gateway) {
				g.set("b")
				g.sessions.Forget("s")
				g.clock.advance(time.Minute)
				g.pool.Sweep()
			},
			want: routing.Draining,
		},
		"vanished and long without sessions, it is removed": {
			do: func(g *gateway) {
				g.set("b")
				g.sessions.Forget("s")
				g.clock.advance(2 * time.Minute)
				g.pool.Sweep()
			},
			want: routing.Removed,
		},
		"vanished, it stays no longer for being left out again and again": {
			do: func(g *gateway) {
				g.sessions.Forget("s")
				for range 4 {
					g.set("b")
					g.clock.advance(30 * time.Second)
				}
				g.pool.Sweep()
			},
			want: routing.Removed,
		},
		"vanished and dead, it is removed at once": {
			do:          func(g *gateway) { g.set("b"); tell(routing.Down)(g); g.pool.Sweep() },
			want:        routing.Removed,
			incarnation: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, routing.Config{}, named("a", "b")...)
			a := g.backend("a")
			g.sessions.Learn("s", a, 0, routing.ByHandshake)
			if c.do != nil {
				c.do(g)
			}
			if a.State() != c.want || g.pool.Snapshot().State(a) != c.want {
				t.Errorf("state %v, want %v", a.State(), c.want)
			}
			if a.Incarnation() != c.incarnation {
				t.Errorf("it died %d times, want %d", a.Incarnation(), c.incarnation)
			}
		})
	}
}

// tell returns what sets a's state to each of the given ones in turn.
func tell(states ...routing.State) func(*gateway) {
	return func(g *gateway) {
		for _, s := range states {
			g.pool.SetState("a", s)
		}
	}
}

func TestStrangersAreNotChanged(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	for what, ok := range map[string]bool{
		"state of a stranger":  g.pool.SetState("x", routing.Down),
		"drain of a stranger":  g.pool.Drain("x", true),
		"weight of a stranger": g.pool.SetWeight("x", 0.5),
		"a weight of zero":     g.pool.SetWeight("a", 0),
	} {
		if ok {
			t.Errorf("%s: taken, want refused", what)
		}
	}
	if !g.pool.SetWeight("a", 0.5) || g.backend("a").Weight() != 0.5 {
		t.Errorf("weight %v, want 0.5", g.backend("a").Weight())
	}
}

func TestTheInitialStateHoldsUntilHealthIsKnown(t *testing.T) {
	for _, initial := range []routing.State{routing.Up, routing.Ejected, routing.Draining, routing.Down} {
		p := routing.NewPool(routing.PoolConfig{Initial: initial})
		if err := p.Set(named("a")); err != nil {
			t.Fatal(err)
		}
		if got := p.Snapshot().ByID("a").State(); got != initial {
			t.Errorf("a new backend is %v, want %v", got, initial)
		}
	}
}

func TestASurvivorKeepsItsCountsAndGetsItsNewConfiguration(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a", "b")...)
	a := g.backend("a")
	g.sessions.Learn("s", a, 0, routing.ByHandshake)
	list := named("c", "a")
	list[1].Weight, list[1].MaxSessions = 7, 9
	if err := g.pool.Set(list); err != nil {
		t.Fatal(err)
	}
	if g.backend("a") != a || a.Sessions() != 1 {
		t.Error("a survivor of a membership change is not its old self")
	}
	if a.Weight() != 7 || a.Config().MaxSessions != 9 {
		t.Errorf("weight %v and limit %d, want 7 and 9", a.Weight(), a.Config().MaxSessions)
	}
}

func TestAChangedURLIsAnotherBackend(t *testing.T) {
	g := newGateway(t, routing.Config{SIDTag: true}, named("a")...)
	old := g.backend("a")
	g.handshake("s")
	if err := g.pool.Set([]routing.BackendConfig{{ID: "a", URL: "http://elsewhere:3000"}}); err != nil {
		t.Fatal(err)
	}
	if g.backend("a") == old || old.State() != routing.Draining {
		t.Errorf("the ID still means the old URL, which is %v", old.State())
	}
	for _, sid := range []string{"s", routing.TagSID("s", old.Token())} {
		if d := g.poll(sid); d.Backend != old {
			t.Errorf("sid %q of the old process went to the new one", sid)
		}
	}
}

func TestTokensOfRemovedBackendsAreRememberedForAWhile(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a", "b")...)
	a := g.backend("a")
	tell(routing.Down)(g)
	g.set("b")
	if n := g.pool.Sweep(); n != 1 {
		t.Fatalf("%d backends were removed, want 1", n)
	}
	if g.pool.Snapshot().ByToken(a.Token()) != a || g.pool.Snapshot().ByID("a") != nil {
		t.Error("right after the removal: want the token known, the ID not")
	}
	g.clock.advance(3 * time.Minute)
	g.pool.Sweep()
	if g.pool.Snapshot().ByToken(a.Token()) != nil {
		t.Error("the token is remembered for ever")
	}
	g.set("b", "a")
	if b := g.pool.Snapshot().ByToken(a.Token()); b == a || b == nil {
		t.Error("a backend that returns later is a new one with the same token")
	}
}

func TestASnapshotNeverChanges(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a", "b", "c")...)
	s := g.pool.Snapshot()
	a, b := s.ByID("a"), s.ByID("b")
	tell(routing.Down)(g)
	g.pool.SetWeight("c", 0.1)
	g.set("c", "d")
	g.pool.Sweep()
	s.Backends()[0] = nil // the caller's own copy
	if s.State(a) != routing.Up || s.State(b) != routing.Up {
		t.Errorf("states in an old snapshot are %v and %v, want up", s.State(a), s.State(b))
	}
	if got := ids(s.Backends()); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("an old snapshot lists %v", got)
	}
	if s.ByID("d") != nil || s.ByToken(a.Token()) != a {
		t.Error("an old snapshot's names have changed")
	}
}

func TestChangesAreToldInOrderOnceTheyAreVisible(t *testing.T) {
	clock := newClock()
	p := routing.NewPool(routing.PoolConfig{Now: clock.Now})
	var told []string
	p.OnChange(func(c routing.Change) {
		if c.Backend.State() != c.To {
			t.Errorf("told %v while the snapshot says %v", c.To, c.Backend.State())
		}
		told = append(told, fmt.Sprintf("%s %v→%v", c.Backend.ID(), c.From, c.To))
	})
	p.Set(named("a", "b"))
	p.SetState("a", routing.Up) // no change
	p.SetState("a", routing.Down)
	p.SetWeight("b", 0.5) // no change of state
	p.Set(named("c"))
	p.Sweep()
	p.Set(named("c", "b"))
	want := []string{
		"a removed→up", "b removed→up", "a up→down", "c removed→up", "b up→draining", "a down→removed", "b draining→up",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told  %v\nwant %v", told, want)
	}
}

// TestReadersSeeWholeChanges swaps the pool between two lists while readers look at it.
func TestReadersSeeWholeChanges(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a", "b")...)
	var wg sync.WaitGroup
	over := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				s := g.pool.Snapshot()
				for _, b := range s.Backends() {
					if s.ByToken(b.Token()) != b || s.State(b) == routing.Removed {
						t.Error("a listed backend is not known by its token or state")
						return
					}
				}
			}
		})
	}
	for range 500 {
		g.set("c", "d")
		g.clock.advance(time.Hour)
		g.pool.Sweep()
		g.set("a", "b")
	}
	close(over)
	wg.Wait()
}

func ids(list []*routing.Backend) []string {
	var names []string
	for _, b := range list {
		names = append(names, b.ID())
	}
	return names
}
