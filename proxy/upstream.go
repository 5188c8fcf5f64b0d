package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/routing"
)

const (
	// idleLife is how long an upstream connection may lie idle at most: Node closes its own after 5 s.
	idleLife = 4 * time.Second
	// idleLifePinned is the same for a request with a sid, which cannot be sent twice: gunicorn closes after 2 s,
	// unannounced.
	idleLifePinned = 1500 * time.Millisecond
	// idlePerBackend bounds how many idle connections are kept for each backend.
	idlePerBackend = 256
	// keepAlive is the interval of TCP's own probes, for clients and for tunnels that may be silent for an hour.
	keepAlive = 30 * time.Second
	// keepAliveMargin is how much earlier than its backend this proxy lets go of an idle connection.
	keepAliveMargin = time.Second
)

// upstream is the proxy's side of one backend: how to dial it, its idle connections, and those in use.
type upstream struct {
	backend *routing.Backend
	network string // "tcp" or "unix"
	addr    string
	tls     *tls.Config // nil for plain connections
	dialer  *net.Dialer
	loops   []*event.Loop // none: goroutines wait on the connections

	mu   sync.Mutex
	idle []*upConn // the youngest last
	busy *upConn   // the first of a list
}

// upConn is one connection to a backend. While it is busy it belongs to one exchange; while idle, to its upstream.
type upConn struct {
	stream
	home     *upstream
	reused   bool
	dialling bool                 // a dial is under way that nobody waits for
	spoke    bool                 // some head of a reply to the present request has been read
	parsed   bool                 // the head of one has been parsed, and nothing has been done about it yet
	carries  atomic.Pointer[conn] // whose exchange waits on it; nil while nobody's does
	own      event.Socket         // nc, if it is one
	poll     waitingPoll

	prev, next *upConn // in the list of those in use; guarded by home.mu
	busy       bool    // it is in that list

	idleFrom time.Duration // since began
	keepFor  time.Duration // how long it may lie idle, from the backend's Keep-Alive

	*replyHead // nil while no reply is there
}

// replyHead is the head of a reply.
type replyHead struct {
	res     http1.Response
	headLen int // at the start of the buffer
}

var replyHeads = sync.Pool{New: func() any { return new(replyHead) }}

// began is where the clock of idle connections begins.
var began = time.Now()

func newUpstream(b *routing.Backend, cfg *Config, loops []*event.Loop) (*upstream, error) {
	u, err := url.Parse(b.URL())
	if err != nil {
		return nil, fmt.Errorf("backend %s: %w", b.ID(), err)
	}
	up := &upstream{backend: b, network: "tcp", addr: u.Host, loops: loops}
	up.dialer = &net.Dialer{LocalAddr: cfg.sourceAddr(), KeepAlive: keepAlive, Control: bindLate}
	switch u.Scheme {
	case "http":
		up.addr = withPort(u, "80")
	case "https":
		up.addr = withPort(u, "443")
		up.tls = cfg.backendTLS(u.Hostname())
	case "unix":
		up.network, up.addr, up.dialer = "unix", u.Path, &net.Dialer{}
	default:
		return nil, fmt.Errorf("backend %s: URL %q: want http://, https:// or unix:/path", b.ID(), b.URL())
	}
	return up, nil
}

func withPort(u *url.URL, port string) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// get lends a connection: the youngest idle one that is young enough and has nothing to say, or a new one. fresh asks
// for a new one, after a reused connection has died.
func (u *upstream) get(pinned, fresh bool, timeout time.Duration) (*upConn, error) {
	if c := u.reuse(pinned, fresh); c != nil {
		return c, nil
	}
	c := &upConn{home: u}
	return u.dialled(c, u.dial(c, timeout))
}

// getNow is get for the event loop: where a connection has to be dialled it has only begun to. errMustDial says that a
// goroutine must get one: a backend's name is to be looked up, or a TLS handshake to be waited for. A new connection is on the
// loop of near, if that is not nil.
func (u *upstream) getNow(pinned, fresh bool, near *event.Socket) (*upConn, error) {
	if c := u.reuse(pinned, fresh); c != nil {
		return c, nil
	}
	if u.tls != nil {
		return nil, errMustDial
	}
	c := &upConn{home: u, dialling: true}
	return u.dialled(c, u.dialNow(c, near))
}

// reuse lends an idle connection, unless fresh asks for a new one; nil if there is none.
func (u *upstream) reuse(pinned, fresh bool) *upConn {
	for !fresh {
		c := u.pop(pinned)
		if c == nil {
			break
		}
		if c.quiet() {
			c.reused, c.spoke, c.parsed = true, false, false
			return c
		}
		u.drop(c)
	}
	return nil
}

// dialled lends a new connection, if it could be dialled.
func (u *upstream) dialled(c *upConn, err error) (*upConn, error) {
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	u.lend(c)
	u.mu.Unlock()
	return c, nil
}

// lend enters a connection in the books. The caller holds u.mu.
func (u *upstream) lend(c *upConn) {
	c.busy = true
	c.next = u.busy
	if c.next != nil {
		c.next.prev = c
	}
	u.busy = c
}

// unlend strikes it off, if it is there. The caller holds u.mu.
func (u *upstream) unlend(c *upConn) {
	if !c.busy {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		u.busy = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next, c.busy = nil, nil, false
}

// pop takes the youngest idle connection if it is young enough. Older ones below it are left to sweep.
func (u *upstream) pop(pinned bool) *upConn {
	u.mu.Lock()
	defer u.mu.Unlock()
	last := len(u.idle) - 1
	if last < 0 {
		return nil
	}
	c := u.idle[last]
	if time.Since(began)-c.idleFrom >= c.life(pinned) {
		return nil
	}
	u.idle[last] = nil
	u.idle = u.idle[:last]
	u.lend(c)
	return c
}

func (c *upConn) life(pinned bool) time.Duration {
	if pinned {
		return min(c.keepFor, idleLifePinned)
	}
	return c.keepFor
}

// dial connects c to the backend, with a TLS handshake if it speaks that.
func (u *upstream) dial(c *upConn, timeout time.Duration) error {
	until := time.Now().Add(timeout)
	if err := u.dialBelow(c, timeout); err != nil || u.tls == nil {
		return err
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	err := c.speakTLS(ctx, tls.Client, u.tls, nil)
	if err != nil {
		c.close()
	}
	return err
}

func (u *upstream) dialBelow(c *upConn, timeout time.Duration) error {
	if u.loops != nil {
		return u.dialSocket(c, timeout)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	nc, err := u.dialer.DialContext(ctx, u.network, u.addr)
	if err == nil {
		c.init(nc)
	}
	return err
}

// lose closes an idle connection that its backend has closed, or on which it has spoken unasked. What the loop has heard may
// also be the last reply, which somebody else has read meanwhile.
func (u *upstream) lose(c *upConn) {
	u.mu.Lock()
	i := slices.Index(u.idle, c)
	lost := i >= 0 && !c.quiet()
	if lost {
		u.idle = slices.Delete(u.idle, i, i+1)
	}
	u.mu.Unlock()
	if lost {
		c.close()
	}
}

// abort ends every wait on the connection, and has the exchange that is parked on it go on. Should that have ended at this
// moment, and its client be parked on another connection, it looks at that one in vain.
func (c *upConn) abort() {
	c.stream.abort()
	if client := c.carries.Load(); client != nil && client.claim(parked) {
		x, do := client.unpark()
		go client.tend(nil, x, do)
	}
}

// put takes back a connection whose exchange has ended exactly where its reply said.
func (u *upstream) put(c *upConn) {
	c.release()
	c.returnHead()
	u.mu.Lock()
	u.unlend(c)
	keep := len(u.idle) < idlePerBackend && c.keepFor > 0 && !c.aborted.Load() && u.backend.State() < routing.Down
	if keep {
		c.idleFrom = time.Since(began)
		u.idle = append(u.idle, c)
	}
	u.mu.Unlock()
	if !keep {
		c.close()
	}
}

// borrowHead gets what a reply's head is parsed into, until put or forget.
func (c *upConn) borrowHead() {
	if c.replyHead == nil {
		c.replyHead = replyHeads.Get().(*replyHead)
	}
}

func (c *upConn) returnHead() {
	if c.replyHead != nil {
		replyHeads.Put(c.replyHead)
		c.replyHead = nil
	}
}

// drop closes a connection that must not be used again.
func (u *upstream) drop(c *upConn) {
	u.forget(c)
	c.close()
}

// forget takes a connection out of the books; somebody else owns it now.
func (u *upstream) forget(c *upConn) {
	c.returnHead()
	u.mu.Lock()
	u.unlend(c)
	u.mu.Unlock()
}

// sweep closes the connections that have been idle for too long; all of them if now is zero.
func (u *upstream) sweep(now time.Time) {
	u.mu.Lock()
	var old []*upConn
	keep := u.idle[:0]
	for _, c := range u.idle {
		if now.IsZero() || now.Sub(began)-c.idleFrom >= c.keepFor {
			old = append(old, c)
		} else {
			keep = append(keep, c)
		}
	}
	clear(u.idle[len(keep):])
	u.idle = keep
	u.mu.Unlock()
	for _, c := range old {
		c.close()
	}
}

// end aborts every exchange that is under way: the backend is gone, and whoever waits must be told.
func (u *upstream) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := u.busy; c != nil; c = c.next {
		c.abort()
	}
}
