package routing_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// gateway is what an embedder builds, with the clock and the dice in the test's hand.
type gateway struct {
	testing.TB
	pool     *routing.Pool
	sessions *routing.Sessions
	router   *routing.Router
	clock    *clock
}

// clock stands still until it is advanced.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newGateway builds a router over the given backends, with a table of 1.5 million sids and seeded dice.
func newGateway(t testing.TB, c routing.Config, backends ...routing.BackendConfig) *gateway {
	return newSmallGateway(t, 1_500_000, c, backends...)
}

// newSmallGateway is newGateway with a limit to the table.
func newSmallGateway(t testing.TB, limit int, c routing.Config, backends ...routing.BackendConfig) *gateway {
	t.Helper()
	g := &gateway{TB: t, clock: newClock()}
	g.pool = routing.NewPool(routing.PoolConfig{Secret: []byte("secret"), Now: g.clock.Now})
	if err := g.pool.Set(backends); err != nil {
		t.Fatal(err)
	}
	g.sessions = routing.NewSessions(routing.SessionsConfig{Limit: limit, Now: g.clock.Now})
	c.Pool, c.Sessions = g.pool, g.sessions
	if c.Rand == nil {
		c.Rand = dice()
	}
	var err error
	if g.router, err = routing.NewRouter(c); err != nil {
		t.Fatal(err)
	}
	return g
}

// dice returns a random source that is the same in every run and may be thrown by many goroutines.
func dice() func() uint64 {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(1, 2))
	return func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Uint64()
	}
}

// named returns backends of these IDs.
func named(ids ...string) []routing.BackendConfig {
	list := make([]routing.BackendConfig, len(ids))
	for i, id := range ids {
		list[i] = routing.BackendConfig{ID: id, URL: "http://" + id + ":3000"}
	}
	return list
}

// many returns n backends, b0 and so on.
func many(n int) []routing.BackendConfig {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("b%d", i)
	}
	return named(ids...)
}

// backend returns the backend of that ID.
func (g *gateway) backend(id string) *routing.Backend {
	g.Helper()
	b := g.pool.Snapshot().ByID(id)
	if b == nil {
		g.Fatalf("no backend %q", id)
	}
	return b
}

// route places a request that must find a backend.
func (g *gateway) route(req routing.Request) routing.Decision {
	g.Helper()
	d, err := g.router.Route(req)
	if err != nil {
		g.Fatalf("Route(%+v): %v", req, err)
	}
	return d
}

// handshake opens a session of that sid as a gateway does, and returns its backend.
func (g *gateway) handshake(sid string) *routing.Backend {
	g.Helper()
	d := g.route(routing.Request{Opens: true})
	defer d.Hold.Release()
	if !d.Hold.Learn(sid, 45*time.Second) {
		g.Fatalf("sid %q was not pinned", sid)
	}
	return d.Backend
}

// poll sends one request of a session and returns where it went.
func (g *gateway) poll(sid string) routing.Decision {
	g.Helper()
	d := g.route(routing.Request{SID: sid})
	d.Hold.Release()
	return d
}

// learnMany opens n sessions with sids of 20 characters, each of which has polled once, spread over the backends.
func (g *gateway) learnMany(n int) []string {
	r := rand.New(rand.NewPCG(3, 4))
	all := g.pool.Snapshot().Backends()
	sids := make([]string, n)
	for i := range sids {
		sids[i] = fmt.Sprintf("%010x%010x", r.Uint64()&(1<<40-1), r.Uint64()&(1<<40-1))
		g.sessions.Learn(sids[i], all[i%len(all)], 45*time.Second, routing.ByHandshake)
		g.poll(sids[i])
	}
	return sids
}

// set makes backends of these IDs the configuration.
func (g *gateway) set(ids ...string) {
	g.Helper()
	if err := g.pool.Set(named(ids...)); err != nil {
		g.Fatal(err)
	}
}

// cookie returns the token for "token of ID", else the value itself.
func (g *gateway) cookie(value string) string {
	g.Helper()
	if id, ok := strings.CutPrefix(value, "token of "); ok {
		return g.backend(id).Token()
	}
	return value
}

// counts are a backend's sessions and requests in flight.
type counts struct{ sessions, inFlight int64 }

func countsOf(b *routing.Backend) counts { return counts{b.Sessions(), b.InFlight()} }

// count checks a backend's counters.
func (g *gateway) count(id string, want counts, when string) {
	g.Helper()
	if got := countsOf(g.backend(id)); got != want {
		g.Errorf("%s: backend %q counts %+v, want %+v", when, id, got, want)
	}
}
