package routing_test

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing"
)

// spread opens n sessions from as many addresses, none of which ends, and returns how many each backend got.
func (g *gateway) spread(n int) map[string]int {
	g.Helper()
	got := map[string]int{}
	for i := range n {
		ip := netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
		got[g.route(routing.Request{Opens: true, ClientIP: ip}).Backend.ID()]++
	}
	return got
}

// near checks that every backend got its number, give or take that part of it.
func near(t *testing.T, got, want map[string]int, tolerance float64) {
	t.Helper()
	for id, n := range want {
		if diff := float64(got[id] - n); diff > tolerance*float64(n) || diff < -tolerance*float64(n) {
			t.Errorf("backend %q got %d sessions, want %d ±%.0f%% (all: %v)", id, got[id], n, 100*tolerance, got)
		}
	}
	if len(got) > len(want) {
		t.Errorf("sessions went to %v, want only %v", slices.Collect(maps.Keys(got)), slices.Collect(maps.Keys(want)))
	}
}

// TestSpread opens 6000 sessions; the tolerance of random ways is five standard deviations of the smallest share.
func TestSpread(t *testing.T) {
	even, skewed := map[string]int{"a": 1, "b": 1, "c": 1}, map[string]int{"a": 3, "b": 2, "c": 1}
	thirds, shares := map[string]int{"a": 2000, "b": 2000, "c": 2000}, map[string]int{"a": 3000, "b": 2000, "c": 1000}
	for name, c := range map[string]struct {
		how       routing.Balance
		weights   map[string]int
		want      map[string]int
		tolerance float64
	}{
		"least-sessions is even":              {routing.LeastSessions, even, thirds, 0},
		"least-sessions keeps to the weights": {routing.LeastSessions, skewed, shares, 0.001},
		"round-robin is even":                 {routing.RoundRobin, even, thirds, 0},
		"round-robin keeps to the weights":    {routing.RoundRobin, skewed, shares, 0.001},
		"random is about even":                {routing.Random, even, thirds, 0.1},
		"random keeps about to the weights":   {routing.Random, skewed, shares, 0.15},
		"hash is about even":                  {routing.Hash, even, thirds, 0.1},
		"hash keeps about to the weights":     {routing.Hash, skewed, shares, 0.15},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, routing.Config{Balance: c.how}, weighted(c.weights)...)
			near(t, g.spread(6000), c.want, c.tolerance)
		})
	}
}

func TestLeastSessionsBreaksTiesEvenly(t *testing.T) {
	g := newGateway(t, routing.Config{}, many(5)...)
	got := map[string]int{}
	for range 5000 {
		d := g.route(routing.Request{Opens: true})
		d.Hold.Release() // so that all are equal again
		got[d.Backend.ID()]++
	}
	near(t, got, map[string]int{"b0": 1000, "b1": 1000, "b2": 1000, "b3": 1000, "b4": 1000}, 0.15)
}

func TestLeastSessionsCountsWhatIsInFlight(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a", "b")...)
	g.load(map[string]int{"a": 3, "b": 5})
	for range 3 {
		hold := g.backend("a").Hold()
		defer hold.Release()
	}
	if d := g.route(routing.Request{Opens: true}); d.Backend.ID() != "b" {
		t.Errorf("3 sessions and 3 in flight were preferred to 5 sessions")
	}
}

func TestRoundRobinTakesTurns(t *testing.T) {
	for name, c := range map[string]struct {
		weights map[string]int
		do      func(g *gateway)
		want    string
	}{
		"equal weights":                    {map[string]int{"a": 1, "b": 1, "c": 1}, nil, "abcabcabcabc"},
		"weights 4, 2, 1 do not clump":     {map[string]int{"a": 4, "b": 2, "c": 1}, nil, "aabaabcaabaabc"},
		"a backend that drains is skipped": {nil, func(g *gateway) { g.pool.Drain("b", true) }, "acacacac"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, routing.Config{Balance: routing.RoundRobin}, weighted(c.weights)...)
			if c.do != nil {
				c.do(g)
			}
			var got strings.Builder
			for range c.want {
				got.WriteString(g.route(routing.Request{Opens: true}).Backend.ID())
			}
			if got.String() != c.want {
				t.Errorf("turns %s, want %s", got.String(), c.want)
			}
		})
	}
}

func TestRoundRobinSkipsFullBackendsWithoutFavouringTheirNeighbour(t *testing.T) {
	g := newGateway(t, routing.Config{Balance: routing.RoundRobin}, limited(map[string]int{"a": 1, "b": 0, "c": 0})...)
	g.load(map[string]int{"a": 1})
	near(t, g.spread(100), map[string]int{"b": 50, "c": 50}, 0)
}

func TestHashSticksToAnAddressUntilItsBackendIsAboveTheFactor(t *testing.T) {
	g := newGateway(t, routing.Config{Balance: routing.Hash, BalanceFactor: 1.5}, many(4)...)
	g.spread(4000)
	ip := netip.MustParseAddr("203.0.113.9")
	first := g.route(routing.Request{Opens: true, ClientIP: ip}).Backend
	sum, most := int64(0), int64(0)
	for range 4000 { // an office behind one address
		g.route(routing.Request{Opens: true, ClientIP: ip})
	}
	for _, b := range g.pool.Snapshot().Backends() {
		load := b.Sessions() + b.InFlight()
		sum, most = sum+load, max(most, load)
	}
	if mean := float64(sum) / 4; float64(most) > 1.5*mean+2 {
		t.Errorf("the busiest has a load of %d, want at most 1.5 times the mean of %.0f", most, mean)
	}
	if load := first.Sessions() + first.InFlight(); load != most {
		t.Errorf("the address's own backend has a load of %d, the busiest %d: want the same one", load, most)
	}
}

func TestHashPlacesClientsWithoutAddressAtRandom(t *testing.T) {
	g := newGateway(t, routing.Config{Balance: routing.Hash}, named("a", "b")...)
	got := map[string]int{}
	for range 1000 {
		got[g.route(routing.Request{Opens: true}).Backend.ID()]++
	}
	near(t, got, map[string]int{"a": 500, "b": 500}, 0.2)
}

func TestALimitIsNeverExceededByConcurrentHandshakes(t *testing.T) {
	for _, how := range []routing.Balance{routing.LeastSessions, routing.RoundRobin, routing.Random, routing.Hash} {
		t.Run(how.String(), func(t *testing.T) {
			g := newGateway(t, routing.Config{Balance: how}, limited(map[string]int{"a": 5, "b": 3, "c": 2})...)
			for range 100 {
				g.contend(8, 10)
			}
			if t.Failed() {
				return
			}
			for _, id := range []string{"a", "b", "c"} {
				g.count(id, counts{}, "all released")
			}
		})
	}
}

// TestTheLastPlaceIsGivenOnce has others take the places between the choice and its reservation: while the dice roll.
func TestTheLastPlaceIsGivenOnce(t *testing.T) {
	var g *gateway
	var others []routing.Decision
	rolling := false
	roll := func() uint64 {
		if rolling {
			return 0
		}
		rolling = true
		for range 2 {
			others = append(others, g.route(routing.Request{Opens: true}))
		}
		return 0
	}
	list := named("a", "b")
	list[0].MaxSessions, list[1].MaxSessions = 1, 1
	g = newGateway(t, routing.Config{Rand: roll}, list...)
	if d, err := g.router.Route(routing.Request{Opens: true}); err != routing.ErrOverloaded {
		t.Errorf("a third handshake for two places: %v, error %v, want ErrOverloaded", d.Backend, err)
	}
	for _, d := range others {
		g.count(d.Backend.ID(), counts{1, 1}, "full")
	}
}

// contend has more workers than places are left each take four, and checks that exactly the places are given out.
func (g *gateway) contend(workers, places int) {
	g.Helper()
	holds := make([][]routing.Hold, workers)
	placed := inParallel(workers, func(i int) int {
		for range 4 {
			if d, err := g.router.Route(routing.Request{Opens: true}); err == nil {
				holds[i] = append(holds[i], d.Hold)
			}
		}
		return len(holds[i])
	})
	if placed != places {
		g.Errorf("%d of %d handshakes were placed, want the %d there is room for", placed, 4*workers, places)
	}
	for i := range holds {
		for j := range holds[i] {
			holds[i][j].Release()
		}
	}
}
