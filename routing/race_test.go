package routing_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// inParallel calls fn in n goroutines and returns the sum of what they return.
func inParallel(n int, fn func(worker int) int) int {
	var wg sync.WaitGroup
	sums := make([]int, n)
	for i := range n {
		wg.Go(func() { sums[i] = fn(i) })
	}
	wg.Wait()
	total := 0
	for _, s := range sums {
		total += s
	}
	return total
}

// TestEveryCountEndsAtZero has many clients live all lives that a session can have, in a table too small for them, while
// backends go down, drain, vanish and return. When all is over, nothing may count anywhere, in dead incarnations either.
func TestEveryCountEndsAtZero(t *testing.T) {
	g := newSmallGateway(t, 64, routing.Config{SIDTag: true}, many(4)...)
	lives := newCensus(g.pool)
	var clients sync.WaitGroup
	over := make(chan struct{})
	for i := range 16 {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 9))
			for range 1500 {
				g.liveOnce(r)
			}
		})
	}
	var operator sync.WaitGroup
	operator.Go(func() { g.operate(over) })
	clients.Wait()
	close(over)
	operator.Wait()

	g.pool.Set(many(4))
	if held := g.sessions.Stats().Held; held != 0 {
		t.Errorf("%d sessions are still held", held)
	}
	lives.check(t, "in flight, before expiry", func(l life) int64 { return l.inFlight() })
	g.clock.advance(time.Hour)
	g.sessions.Sweep(1_000_000)
	if left := g.sessions.Stats(); left.Unproven+left.Proven+left.Held != 0 {
		t.Errorf("pins are left after their expiry: %+v", left)
	}
	lives.check(t, "sessions", func(l life) int64 { return l.sessions() })
	if len(lives.seen) < 10 {
		t.Errorf("only %d incarnations lived; the test shows little", len(lives.seen))
	}
}

// liveOnce is one thing that a client does, with one of 200 sids, so that sids collide and are given out again.
func (g *gateway) liveOnce(r *rand.Rand) {
	sid := fmt.Sprintf("sid-%d", r.IntN(200))
	switch r.IntN(8) {
	case 0, 1: // a handshake, answered or not
		d, err := g.router.Route(routing.Request{Opens: true, EIO: 4})
		if err != nil {
			return
		}
		if r.IntN(4) > 0 {
			d.Hold.Learn(sid, time.Duration(r.IntN(90))*time.Second)
		}
		d.Hold.Release()
		d.Hold.Release()
	case 2: // a WebSocket whose sid nobody sees, after a dial that failed
		first, err := g.router.Route(routing.Request{Opens: true, Upgrade: true})
		if err != nil {
			return
		}
		first.Hold.Release()
		d, _ := g.router.RouteExcept(routing.Request{Opens: true, Upgrade: true}, []*routing.Backend{first.Backend})
		defer d.Hold.Release()
	case 3: // a search
		all := g.pool.Snapshot().SeekOrder(nil, routing.Request{SID: sid})
		if len(all) > 0 {
			hold := all[0].Hold()
			g.sessions.Learn(sid, all[0], time.Minute, routing.BySearch)
			hold.Release()
		}
	case 4:
		g.endOrSweep(r, sid)
	default: // polls and tunnels, some held for a while, some by tag
		req := routing.Request{SID: sid, Upgrade: r.IntN(2) == 0, Passive: r.IntN(10) == 0}
		if r.IntN(4) == 0 {
			req.SID = routing.TagSID(sid, g.pool.Snapshot().Backends()[0].Token())
		}
		d, _ := g.router.Route(req)
		if r.IntN(2) == 0 {
			g.liveOnce(r)
		}
		d.Hold.Release()
	}
}

func (g *gateway) endOrSweep(r *rand.Rand, sid string) {
	switch r.IntN(4) {
	case 0:
		g.sessions.Forget(sid)
	case 1:
		g.sessions.Bury(sid, time.Second)
	case 2:
		g.clock.advance(time.Second)
		g.sessions.Sweep(10)
	default:
		g.sessions.Lookup(sid)
		g.sessions.Stats()
	}
}

// operate changes the pool until over is closed.
func (g *gateway) operate(over <-chan struct{}) {
	r := rand.New(rand.NewPCG(10, 11))
	for {
		select {
		case <-over:
			return
		default:
		}
		id := fmt.Sprintf("b%d", r.IntN(4))
		switch r.IntN(6) {
		case 0:
			g.pool.SetState(id, routing.Down)
		case 1:
			g.pool.Drain(id, r.IntN(2) == 0)
		case 2:
			g.pool.Set(many(1 + r.IntN(4)))
		case 3:
			g.clock.advance(time.Second)
			g.pool.Sweep()
		default:
			g.pool.SetState(id, routing.Up)
		}
	}
}

// life reads one incarnation's counters.
type life struct {
	id                 string
	sessions, inFlight func() int64
}

// census knows every incarnation that ever lived in a pool.
type census struct{ seen []life }

func newCensus(p *routing.Pool) *census {
	c := &census{}
	for _, b := range p.Snapshot().Backends() {
		c.add(b)
	}
	p.OnChange(func(ch routing.Change) {
		if ch.To == routing.Down || ch.From == routing.Removed {
			c.add(ch.Backend)
		}
	})
	return c
}

func (c *census) add(b *routing.Backend) {
	sessions, inFlight := routing.Life(b)
	c.seen = append(c.seen, life{b.ID(), sessions, inFlight})
}

func (c *census) check(t *testing.T, what string, count func(life) int64) {
	t.Helper()
	for i, l := range c.seen {
		if n := count(l); n != 0 {
			t.Errorf("%s: %d at incarnation %d (backend %q), want 0", what, n, i, l.id)
		}
	}
}
