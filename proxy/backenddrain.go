package proxy

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// Drain is how far the drain of a backend has come.
type Drain struct {
	Since    time.Time // when it began
	Closes   time.Time // when closing sessions begins, or has begun; zero: never
	Deadline time.Time // when all that is left is closed at once; zero: not known before closing begins
	Closed   int64     // sessions closed by it
	Done     bool      // nothing is left, of sessions or otherwise
	Polls    int       // waiting now
	Tunnels  int       // open now
}

// drains knows the backends that drain: those that the operator drains, and those that have vanished from the configuration.
type drains struct {
	mu   sync.Mutex
	of   map[*routing.Backend]*backendDrain
	wake chan struct{} // to retire, has room for one: there is something new to look at
}

// backendDrain is one backend's drain.
type backendDrain struct {
	backend *routing.Backend
	state   Drain    // guarded by drains; Polls and Tunnels are not kept
	closing *closing // what retire works with; nil until sessions are closed
}

func (d *drains) init() {
	d.of = make(map[*routing.Backend]*backendDrain)
	d.wake = make(chan struct{}, 1)
}

// all returns the drains in the order in which their sessions are to be closed: one after the other, so that a later one
// takes no time from an earlier one.
func (d *drains) all() []*backendDrain {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []*backendDrain
	for _, b := range d.of {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *backendDrain) int {
		return cmp.Or(a.state.Closes.Compare(b.state.Closes), cmp.Compare(a.backend.ID(), b.backend.ID()))
	})
	return list
}

// update changes a drain's state and returns what it is then.
func (d *drains) update(b *backendDrain, edit func(*Drain)) Drain {
	d.mu.Lock()
	defer d.mu.Unlock()
	edit(&b.state)
	return b.state
}

func (d *drains) look() {
	select {
	case d.wake <- struct{}{}:
	default: // retire has yet to look
	}
}

// drainChanged begins a drain, or calls it off.
func (p *Proxy) drainChanged(ch routing.Change) {
	p.drains.mu.Lock()
	defer p.drains.mu.Unlock()
	b := ch.Backend
	was := p.drains.of[b]
	switch {
	case ch.To == routing.Draining && was == nil:
		d := &backendDrain{backend: b, state: Drain{Since: time.Now()}}
		if p.cfg.DrainTimeout > 0 {
			d.state.Closes = d.state.Since.Add(p.cfg.DrainTimeout)
		}
		p.drains.of[b] = d
		p.log.Info("backend draining", "backend", b.ID(), "sessions", b.Sessions(), "closing_in", p.closingIn())
		p.drains.look()
	case ch.To != routing.Draining && was != nil:
		delete(p.drains.of, b)
		p.log.Info("drain over", "backend", b.ID(), "state", ch.To.String(), "sessions", b.Sessions(), "closed", was.state.Closed)
	}
}

// closingIn is how the log says when the sessions of a backend that drains from now on are closed.
func (p *Proxy) closingIn() string {
	if p.cfg.DrainTimeout < 0 {
		return "never"
	}
	return p.cfg.DrainTimeout.Round(time.Millisecond).String()
}

// CloseNow has the sessions of a draining backend closed from now on, instead of after Config.DrainTimeout. It reports
// whether the backend drains.
func (p *Proxy) CloseNow(b *routing.Backend) bool {
	p.drains.mu.Lock()
	defer p.drains.mu.Unlock()
	d := p.drains.of[b]
	if d == nil {
		return false
	}
	if now := time.Now(); d.state.Closes.IsZero() || d.state.Closes.After(now) {
		d.state.Closes = now
		p.drains.look()
	}
	return true
}

// DrainOf says how far the drain of a backend has come; false: it does not drain.
func (p *Proxy) DrainOf(b *routing.Backend) (Drain, bool) {
	p.drains.mu.Lock()
	d := p.drains.of[b]
	if d == nil {
		p.drains.mu.Unlock()
		return Drain{}, false
	}
	state := d.state
	p.drains.mu.Unlock()
	state.Polls, state.Tunnels = p.pollsAt(b), p.relay.LenGroup(b)
	return state, true
}

func (p *Proxy) pollsAt(b *routing.Backend) int {
	if u, ok := p.upstreams.Load(b); ok {
		return u.(*upstream).polls()
	}
	return 0
}
