package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

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
	// keepAlive is the interval of TCP's own probes: a tunnel may be silent for an hour.
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

	mu   sync.Mutex
	idle []*upConn // the youngest last
	busy map[*upConn]struct{}
}

// upConn is one connection to a backend. While it is busy it belongs to one exchange; while idle, to its upstream.
type upConn struct {
	stream
	home     *upstream
	reused   bool
	spoke    bool // some head of a reply to the present request has been read
	poll     waitingPoll
	idleFrom time.Time
	keepFor  time.Duration // how long it may lie idle, from the backend's Keep-Alive

	res     http1.Response
	headLen int // of res, at the start of the buffer
}

func newUpstream(b *routing.Backend, source net.Addr) (*upstream, error) {
	u, err := url.Parse(b.URL())
	if err != nil {
		return nil, fmt.Errorf("backend %s: %w", b.ID(), err)
	}
	up := &upstream{backend: b, network: "tcp", addr: u.Host, busy: make(map[*upConn]struct{})}
	up.dialer = &net.Dialer{LocalAddr: source, KeepAlive: keepAlive, Control: bindLate}
	switch u.Scheme {
	case "http":
		up.addr = withPort(u, "80")
	case "https":
		up.addr = withPort(u, "443")
		up.tls = &tls.Config{ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}}
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
	for !fresh {
		c := u.pop(pinned)
		if c == nil {
			break
		}
		if c.quiet() || c.quietTLS() {
			c.reused, c.spoke = true, false
			return c, nil
		}
		u.drop(c)
	}
	nc, err := u.dial(timeout)
	if err != nil {
		return nil, err
	}
	c := &upConn{home: u}
	c.init(nc)
	u.mu.Lock()
	u.busy[c] = struct{}{}
	u.mu.Unlock()
	return c, nil
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
	if time.Since(c.idleFrom) >= c.life(pinned) {
		return nil
	}
	u.idle[last] = nil
	u.idle = u.idle[:last]
	u.busy[c] = struct{}{}
	return c
}

func (c *upConn) life(pinned bool) time.Duration {
	if pinned {
		return min(c.keepFor, idleLifePinned)
	}
	return c.keepFor
}

func (u *upstream) dial(timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	nc, err := u.dialer.DialContext(ctx, u.network, u.addr)
	if err != nil || u.tls == nil {
		return nc, err
	}
	tc := tls.Client(&records{Conn: nc}, u.tls)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return tc, nil
}

// put takes back a connection whose exchange has ended exactly where its reply said.
func (u *upstream) put(c *upConn) {
	c.release()
	c.nc.SetReadDeadline(time.Time{}) // an old one would make quiet see nothing
	u.mu.Lock()
	delete(u.busy, c)
	keep := len(u.idle) < idlePerBackend && c.keepFor > 0 && !c.aborted.Load() && u.backend.State() < routing.Down
	if keep {
		c.idleFrom = time.Now()
		u.idle = append(u.idle, c)
	}
	u.mu.Unlock()
	if !keep {
		c.close()
	}
}

// drop closes a connection that must not be used again.
func (u *upstream) drop(c *upConn) {
	u.forget(c)
	c.close()
}

// forget takes a connection out of the books; somebody else owns it now.
func (u *upstream) forget(c *upConn) {
	u.mu.Lock()
	delete(u.busy, c)
	u.mu.Unlock()
}

// sweep closes the connections that have been idle for too long; all of them if now is zero.
func (u *upstream) sweep(now time.Time) {
	u.mu.Lock()
	var old []*upConn
	keep := u.idle[:0]
	for _, c := range u.idle {
		if now.IsZero() || now.Sub(c.idleFrom) >= c.keepFor {
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
	for c := range u.busy {
		c.abort()
	}
}
