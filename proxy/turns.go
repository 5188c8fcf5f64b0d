package proxy

import (
	"errors"
	"slices"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

const (
	// roomLook is how often at least a room looks while somebody waits: nobody tells it of a place that has become free.
	roomLook = 20 * time.Millisecond
	// roomPause is the shortest time from one look to the next.
	roomPause = time.Millisecond
)

// look lets in those whose turn has come.
func (r *room) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	var t turns
	r.queue = slices.DeleteFunc(r.queue, func(g *guest) bool {
		if t.over || t.waits(g) {
			return false
		}
		if !r.place(g, now) {
			t.note(g, !r.total.ready(now))
			return false
		}
		r.settle(g, now)
		close(g.served)
		return true
	})
	r.setTimer(now)
}

// turns are what a look along the queue has found: for whom there is nothing at the moment.
type turns struct {
	over  bool               // for anybody
	any   bool               // for those that any backend will do for
	bound []*routing.Backend // for those bound to one of these
}

// waits says that g has to wait on, since those before it in the queue that want the same do.
func (t *turns) waits(g *guest) bool {
	if g.bound != nil {
		return slices.Contains(t.bound, g.bound)
	}
	return g.why != nil && t.any
}

// note notes that g was not placed. Who has tried some backends in vain may wait for one that others need not.
func (t *turns) note(g *guest, over bool) {
	switch {
	case over:
		t.over = true
	case g.bound != nil:
		t.bound = append(t.bound, g.bound)
	case len(g.tried) == 0:
		t.any = true
	}
}

// place finds g its backend, counts it there, and reports whether that was all: if not, g.why says what it waits for.
func (r *room) place(g *guest, now time.Time) bool {
	g.decision, g.err = r.choose(g, now)
	g.why, g.bound = nil, nil
	switch {
	case errors.Is(g.err, errPaced), errors.Is(g.err, routing.ErrOverloaded):
		g.why, g.bound = g.err, g.decision.Backend
		return false
	case g.err != nil:
		return true
	}
	if len(g.tried) == 0 { // else it was counted before
		r.total.take(now)
	}
	if r.rate > 0 {
		r.bucketOf(g.decision.Backend).take(now)
	}
	return true
}

// choose routes g to a backend that may have a handshake now. A key or an address says where its client's state is: that
// backend is waited for, and named with errPaced. A cookie is no more than a hint.
func (r *room) choose(g *guest, now time.Time) (routing.Decision, error) {
	if len(g.tried) == 0 && !r.total.ready(now) {
		return routing.Decision{}, errPaced
	}
	req := g.req
	d, err := r.router.RouteExcept(req, g.tried)
	if err == nil && d.Pin == routing.PinCookie && !r.ready(d.Backend, now) {
		d.Hold.Release()
		req.Cookie = ""
		d, err = r.router.RouteExcept(req, g.tried)
	}
	if err != nil || r.ready(d.Backend, now) {
		return d, err
	}
	d.Hold.Release()
	if d.Pin != routing.PinNew {
		return routing.Decision{Backend: d.Backend}, errPaced
	}
	d, err = r.router.RouteExcept(req, r.busy(g.tried, now))
	if err != nil {
		return routing.Decision{}, errPaced
	}
	return d, nil
}

// ready says that the backend may have a handshake now.
func (r *room) ready(b *routing.Backend, now time.Time) bool {
	return r.rate == 0 || r.bucketOf(b).ready(now)
}

// busy returns tried and the backends that may have none now.
func (r *room) busy(tried []*routing.Backend, now time.Time) []*routing.Backend {
	all := slices.Clone(tried)
	for b, k := range r.each {
		if !k.ready(now) {
			all = append(all, b)
		}
	}
	return all
}

func (r *room) bucketOf(b *routing.Backend) *bucket {
	k := r.each[b]
	if k == nil {
		fresh := newBucket(r.rate, r.burst)
		k = &fresh
		r.each[b] = k
	}
	return k
}

// setTimer has the next look taken when the first of the buckets allows another handshake, or soon.
func (r *room) setTimer(now time.Time) {
	if len(r.queue) == 0 {
		return
	}
	next := roomLook
	if !r.total.ready(now) {
		next = min(next, r.total.wait(now))
	}
	for _, k := range r.each {
		if !k.ready(now) {
			next = min(next, k.wait(now))
		}
	}
	r.timer.Reset(max(next, roomPause))
}
