package proxy

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// room is where handshakes wait: for their turn when sessions are opened faster than the configured rates, and for a
// place when every backend holds as many sessions as it may. Requests of live sessions never come here. Who came first
// goes first, except that one bound to a backend by its key or address holds up only those bound to the same.
type room struct {
	router   *routing.Router
	rate     int // handshakes a second at each backend; 0: no limit
	burst    int
	patience time.Duration // how long one may wait; below 0: nobody waits
	size     int           // how many may
	stop     <-chan struct{}

	crowd atomic.Int64 // how many wait

	mu     sync.Mutex
	total  bucket
	each   map[*routing.Backend]*bucket // those that got a handshake
	queue  []*guest
	timer  *time.Timer // runs while somebody waits
	counts roomCounts
	rush   rush
}

// guest is a handshake that waits.
type guest struct {
	req   routing.Request
	tried []*routing.Backend // could not be dialled
	since time.Time
	why   error            // what it waits for; nil: nobody has looked yet
	bound *routing.Backend // the only backend that will do; nil: any

	served   chan struct{} // closed when the following are set
	decision routing.Decision
	err      error
}

// roomCounts are what a room has done.
type roomCounts struct {
	waited int64         // handshakes that had to wait
	wait   time.Duration // how long those that have waited did so together
	full   int64         // handshakes refused because too many waited
	late   int64         // handshakes refused because they had waited for too long
}

// errPaced says that a handshake would exceed a rate.
var errPaced = errors.New("proxy: more handshakes than the rate allows")

func newRoom(p *Proxy) *room {
	c := &p.cfg
	r := &room{
		router: c.Router, rate: c.HandshakeRate, burst: c.HandshakeBurst,
		patience: c.HandshakeWait, size: c.HandshakeQueue, stop: p.stop,
		total: newBucket(c.HandshakeRateTotal, c.HandshakeBurst),
		each:  make(map[*routing.Backend]*bucket),
	}
	r.timer = time.AfterFunc(time.Hour, func() {
		defer p.recovered("letting handshakes in", nil)
		r.look()
	})
	r.timer.Stop()
	return r
}

// route asks the router for the request's place, at none of tried. A request that opens a session may have to wait for it.
func (x *exchange) route(tried []*routing.Backend) (routing.Decision, error) {
	req := x.routingRequest()
	if !x.opens {
		return x.c.p.cfg.Router.RouteExcept(req, tried)
	}
	d, g, err := x.c.p.room.enter(req, tried)
	if g == nil {
		return d, err
	}
	x.guest = g
	if x.c.onLoop {
		return d, errMustWait
	}
	return x.wait()
}

// wait waits for the place of the guest that the handshake has become.
func (x *exchange) wait() (routing.Decision, error) {
	g := x.guest
	x.guest = nil
	gone, stop := x.c.watchLeaving()
	defer stop()
	d, err := x.c.p.room.wait(g, gone)
	if x.access != nil {
		x.access.waited += time.Since(g.since)
	}
	return d, err
}

// enter finds a handshake its place, or returns the guest that it has become and that has to wait.
func (r *room) enter(req routing.Request, tried []*routing.Backend) (routing.Decision, *guest, error) {
	if r.rate == 0 && r.total.interval == 0 && r.crowd.Load() == 0 {
		d, err := r.router.RouteExcept(req, tried)
		if err != routing.ErrOverloaded {
			return d, nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	g := &guest{req: req, tried: tried, since: time.Now()}
	if len(r.queue) == 0 && r.place(g, g.since) {
		return g.decision, nil, g.err
	}
	r.noteRush(g.since)
	if r.patience < 0 || len(r.queue) >= r.size {
		r.counts.full++
		return routing.Decision{}, nil, r.refusal(g)
	}
	g.served = make(chan struct{})
	r.queue = append(r.queue, g)
	r.counts.waited++
	r.crowd.Add(1)
	if len(r.queue) == 1 { // else it runs, and must not be put off by every newcomer
		r.setTimer(g.since)
	}
	return routing.Decision{}, g, nil
}

// wait waits for g's turn: until gone is closed, or too much time has passed.
func (r *room) wait(g *guest, gone <-chan struct{}) (routing.Decision, error) {
	late := time.NewTimer(r.patience)
	defer late.Stop()
	select {
	case <-g.served:
		return g.decision, g.err
	case <-gone:
		return r.leave(g, errAborted)
	case <-late.C:
	case <-r.stop:
	}
	return r.leave(g, nil)
}

// leave takes g out of the queue for that reason, nil for having waited too long; unless its turn came at the last moment.
func (r *room) leave(g *guest, why error) (routing.Decision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.queue, g)
	if i < 0 {
		return g.decision, g.err
	}
	r.queue = slices.Delete(r.queue, i, i+1)
	r.settle(g, time.Now())
	if why == nil {
		r.counts.late++
		why = r.refusal(g)
	}
	return routing.Decision{}, why
}

// refusal is why g is refused: what it waits for, or what those before it wait for, should nobody have looked yet.
func (r *room) refusal(g *guest) error {
	if g.why == nil && len(r.queue) > 0 {
		g = r.queue[0]
	}
	return cmp.Or(g.why, errPaced)
}

// settle notes that g, which is not in the queue any more, has ceased to wait.
func (r *room) settle(g *guest, now time.Time) {
	r.crowd.Add(-1)
	r.noteRush(now)
	r.counts.wait += now.Sub(g.since)
}

// forget drops what is kept of a backend that has left the pool.
func (r *room) forget(b *routing.Backend) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.each, b)
}

// addTo puts the room's counts into s.
func (r *room) addTo(s *Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.HandshakesWaiting = len(r.queue)
	s.HandshakesWaited, s.HandshakeWait = r.counts.waited, r.counts.wait
	s.HandshakesFull, s.HandshakesLate = r.counts.full, r.counts.late
}
