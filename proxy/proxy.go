package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
	"github.com/holdfast-proxy/holdfast/proxy/relay"
	"github.com/holdfast-proxy/holdfast/routing"
)

// ErrShutdown is what Serve returns when the proxy has been shut down, also if that was before Serve began.
var ErrShutdown = errors.New("proxy: shut down")

// Proxy carries clients' requests to the backends that a router chooses. Create it with New; its methods may be called
// from any goroutine.
type Proxy struct {
	cfg   Config
	log   *slog.Logger
	relay *relay.Relay
	wheel *event.Wheel // of the connections that nobody has

	upstreams sync.Map // *routing.Backend → *upstream
	searches  searches
	perIP     perIP
	seekGate  *gate
	room      *room
	stats     stats
	drains    drains

	mu        sync.Mutex
	listeners map[net.Listener]*acceptor // nil for one whose connections no loop can carry
	conns     map[*conn]struct{}
	begun     bool           // the goroutines that serve all connections run
	accepting sync.WaitGroup // one for every Serve
	work      sync.WaitGroup // one for every client connection, tunnels excepted, the sweeper, and who closes sessions

	count atomic.Int64 // client connections, tunnels included
	busy  atomic.Int64 // requests under way

	heldBodies heldBodies
	announced  atomic.Bool // Shutdown is to come
	draining   atomic.Bool
	closing    chan struct{} // closed when Shutdown begins
	stop       chan struct{} // closed when Shutdown begins to end what is left
}

// New builds a proxy; it starts no goroutine that outlives Shutdown. Errors name the field of cfg that is wrong.
func New(cfg Config) (*Proxy, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	r, err := relay.New(relay.Config{Logger: cfg.Logger, Loops: cfg.Loops, KeepProcessor: cfg.KeepProcessor})
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	p := &Proxy{
		cfg:       cfg,
		log:       cfg.Logger,
		relay:     r,
		listeners: make(map[net.Listener]*acceptor),
		conns:     make(map[*conn]struct{}),
		closing:   make(chan struct{}),
		stop:      make(chan struct{}),
		searches:  searches{bySID: make(map[string]*search)},
	}
	p.wheel = r.Wheel()
	p.seekGate = newGate(cfg.SeekRate, p.stop)
	p.room = newRoom(p)
	p.drains.init()
	cfg.Pool.OnChange(p.backendRemoved)
	cfg.Pool.OnChange(p.drainChanged)
	for _, b := range cfg.Pool.Snapshot().Backends() {
		p.drainChanged(routing.Change{Backend: b, To: b.State()})
	}
	return p, nil
}

// now is the time that the wheel goes by.
func (p *Proxy) now() time.Duration { return p.relay.Now() }

// Serve accepts clients from ln until Shutdown, and then returns ErrShutdown, or until somebody closes ln; ln is closed
// when it returns. It may run for several listeners at once.
func (p *Proxy) Serve(ln net.Listener) error {
	if !p.adopt(ln) {
		ln.Close()
		return ErrShutdown
	}
	defer p.disown(ln)
	if a := p.newAcceptor(ln); a != nil {
		return a.serve()
	}
	var pause time.Duration
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			p.admitConn(acceptedConn{nc})
		case p.draining.Load():
			return ErrShutdown
		case errors.Is(err, net.ErrClosed), errors.Is(err, errNoLoop):
			return acceptFailed(ln, err)
		default:
			pause = p.pauseAccept(pause, err)
		}
	}
}

// errNoLoop is why a listener of Unpolled accepts nothing by itself.
var errNoLoop = errors.New("only an event loop can wait for it, and there is none")

func acceptFailed(ln net.Listener, err error) error {
	return fmt.Errorf("proxy: accept on %s: %w", ln.Addr(), err)
}

// pauseAccept waits after a failed accept, twice as long each time. Either the process has no descriptors left, and must
// neither spin nor give up until some client leaves; or the kernel tells of one connection's trouble (accept(2)).
func (p *Proxy) pauseAccept(last time.Duration, err error) time.Duration {
	next := min(max(2*last, 5*time.Millisecond), time.Second)
	if last == 0 {
		p.log.Warn("accept paused", "err", err)
	}
	select {
	case <-time.After(next):
	case <-p.closing:
	}
	return next
}

func (p *Proxy) adopt(ln net.Listener) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining.Load() {
		return false
	}
	if !p.begun {
		p.begun = true
		p.work.Go(p.sweep)
		p.work.Go(p.retire)
		go p.runRelay() // ended and waited for by relay.Close
	}
	p.listeners[ln] = nil
	p.accepting.Add(1)
	return true
}

func (p *Proxy) disown(ln net.Listener) {
	p.mu.Lock()
	delete(p.listeners, ln)
	p.mu.Unlock()
	ln.Close()
	p.accepting.Done()
}

// admitConn starts to serve a client, or turns it away at once when there are too many.
func (p *Proxy) admitConn(a accepted) {
	if p.count.Add(1) > int64(p.cfg.MaxConnections) {
		p.count.Add(-1)
		if nc := a.conn(); nc != nil {
			p.turnAway(nc)
		}
		return
	}
	c := a.newConn(p)
	p.enlist(c)
	a.begin(c)
}

// direct says that a connection begins with its first request.
func (p *Proxy) direct() bool {
	return p.cfg.TLS == nil && !p.cfg.ProxyProtocol && p.cfg.MaxConnectionsPerIP == 0
}

// uncount forgets a client connection, tunnel or not, that perIP has counted under that address.
func (p *Proxy) uncount(client netip.Addr) {
	p.perIP.leave(client)
	p.count.Add(-1)
}

// enlist has Shutdown wait for c, which a Serve has accepted: Shutdown waits for those first, so that a client whose
// connection was accepted just before is served as well.
func (p *Proxy) enlist(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
	p.work.Add(1)
}

// runRelay carries the tunnels until Shutdown closes the relay.
func (p *Proxy) runRelay() {
	if err := p.relay.Run(context.Background()); err != nil {
		p.log.Error("relay failed", "err", err)
	}
}

// forget is a connection's last act.
func (p *Proxy) forget(c *conn) {
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
	p.work.Done()
}

// upstreamOf returns the connections of a backend, making them on first use.
func (p *Proxy) upstreamOf(b *routing.Backend) (*upstream, error) {
	if u, ok := p.upstreams.Load(b); ok {
		return u.(*upstream), nil
	}
	u, err := newUpstream(b, &p.cfg, p.relay.Loops())
	if err != nil {
		return nil, err
	}
	known, _ := p.upstreams.LoadOrStore(b, u)
	if b.State() == routing.Removed {
		p.upstreams.Delete(b) // it left before it could be seen
	}
	return known.(*upstream), nil
}

// End ends everything that is open at a backend whose process is known to be dead or frozen: waiting polls get the
// gentlest answer that their client takes, tunnels a FIN. Set the backend Down in the pool first, so that nothing new
// gets there. A backend that merely refuses dials may still serve what it has accepted, and needs no End: if its
// process dies, its own FINs arrive.
func (p *Proxy) End(b *routing.Backend) {
	if u, ok := p.upstreams.Load(b); ok {
		u.(*upstream).end()
		u.(*upstream).sweep(time.Time{})
	}
	p.relay.EndGroup(b)
}

// over says that nothing more may wait for b: it is Down, or the proxy is ending. It is asked once a request or tunnel can
// be seen by End and Shutdown, so that none slips through between a decision and its registration.
func (p *Proxy) over(b *routing.Backend) bool {
	select {
	case <-p.stop:
		return true
	default:
		return b.State() >= routing.Down
	}
}

// backendRemoved forgets the connections of a backend that has left the pool.
func (p *Proxy) backendRemoved(ch routing.Change) {
	if ch.To != routing.Removed {
		return
	}
	p.room.forget(ch.Backend)
	if u, ok := p.upstreams.LoadAndDelete(ch.Backend); ok {
		u.(*upstream).end()
		u.(*upstream).sweep(time.Time{})
	}
}

const (
	sweepBusy = time.Second     // between two sweeps
	sweepIdle = 5 * time.Second // the same while no client is there: waking up is what an idle process costs
)

// sweep does the work that no request does: closing idle upstream connections and forgetting expired sessions.
func (p *Proxy) sweep() {
	timer := time.NewTimer(sweepBusy)
	defer timer.Stop()
	for {
		select {
		case <-p.stop:
			return
		case now := <-timer.C:
			p.sweepOnce(now)
		}
		if p.count.Load() > 0 {
			timer.Reset(sweepBusy)
		} else {
			timer.Reset(sweepIdle)
		}
	}
}

func (p *Proxy) sweepOnce(now time.Time) {
	defer p.recovered("sweeping", nil)
	p.upstreams.Range(func(_, u any) bool { u.(*upstream).sweep(now); return true })
	p.cfg.Sessions.Sweep(sweepSessions)
	p.cfg.Pool.Sweep()
	p.room.report(now, p.log)
}

// Shutdown ends the proxy in order: it stops accepting, answers every further request with "Connection: close", and lets
// polls and transfers finish and tunnels be closed one by one until ctx is done. In the last fifth of that time it ends
// the polls that still wait one by one too, and at its end what is left, in the gentlest form each client takes. It returns
// when the last goroutine has ended; the error is ctx's if something had to be cut short. Calling it again returns
// ErrShutdown at once.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	first := !p.draining.Swap(true)
	if first {
		close(p.closing)
	}
	for ln, a := range p.listeners {
		a.end()
		ln.Close()
	}
	p.mu.Unlock()
	if !first {
		return ErrShutdown
	}
	p.accepting.Wait()
	err := p.drain(ctx)
	close(p.stop)
	p.endAll()
	p.upstreams.Range(func(_, u any) bool { u.(*upstream).sweep(time.Time{}); return true })
	return errors.Join(err, p.relay.Close())
}
