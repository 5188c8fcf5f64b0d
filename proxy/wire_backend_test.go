package proxy_test

import (
	"bufio"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds every wait of these tests; only a failing one waits for so long.
const patience = 30 * time.Second

// backend is a server that answers with the raw bytes of a script and keeps every byte it got.
type backend struct {
	id string
	ln net.Listener

	sid atomic.Value // the one that opening gives out

	mu       sync.Mutex
	script   func(*backendConn)
	conns    []*backendConn
	requests []message // in the order in which they were complete
	work     sync.WaitGroup
}

// backendConn is one connection that the proxy has opened to a backend.
type backendConn struct {
	conn
	b  *backend
	r  *bufio.Reader
	nr int // which of the backend's connections this is, from 0

	mu    sync.Mutex
	bytes []byte // all that came, up to maxKept
	total int    // how many bytes that was
	whole int    // how many of them were whole requests
	ended bool   // the script has returned
}

// maxKept is how many bytes are kept of each connection, so that a long upload does not count as memory of the proxy.
const maxKept = 1 << 20

// startBackend listens on loopback; its connections get the script answering(ok) until serve says otherwise.
func startBackend(t testing.TB, id string) *backend {
	t.Helper()
	return startBackendOn(t, id, listen(t))
}

// startBackendOn accepts from ln, a TCP or a Unix listener.
func startBackendOn(t testing.TB, id string, ln net.Listener) *backend {
	b := &backend{id: id, ln: ln, script: answering(ok)}
	b.work.Go(b.accept)
	t.Cleanup(b.stop)
	return b
}

// url is what the pool is told of the backend.
func (b *backend) url() string {
	if addr := b.ln.Addr(); addr.Network() == "unix" {
		return "unix:" + addr.String()
	}
	return "http://" + b.ln.Addr().String()
}

// serve sets the script of the connections accepted from now on. It runs in a goroutine of its own for each of them;
// the connection is closed when it returns.
func (b *backend) serve(script func(*backendConn)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.script = script
}

// refuse stops listening, so that dials are refused; open connections stay.
func (b *backend) refuse() { b.ln.Close() }

func (b *backend) stop() {
	b.ln.Close()
	b.mu.Lock()
	for _, c := range b.conns {
		c.Close()
	}
	b.mu.Unlock()
	b.work.Wait()
}

func (b *backend) accept() {
	for {
		nc, err := b.ln.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		c := &backendConn{conn: nc.(conn), b: b, nr: len(b.conns)}
		c.r = bufio.NewReader(c)
		b.conns = append(b.conns, c)
		script := b.script
		b.mu.Unlock()
		b.work.Go(func() {
			defer c.finish()
			script(c)
		})
	}
}

// seen returns all requests that have come whole, on whichever connection, in order.
func (b *backend) seen() []message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// count says how often a request for that target has come whole.
func (b *backend) count(target string) (n int) {
	for _, m := range b.seen() {
		if m.target() == target {
			n++
		}
	}
	return n
}

// dialled says how many connections the backend has got.
func (b *backend) dialled() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns)
}

// received returns all bytes that have come, one element for each connection.
func (b *backend) received() (all []string) {
	for _, c := range b.all() {
		all = append(all, c.received())
	}
	return all
}

// settle waits until no connection that the proxy has opened so far is in the middle of a request: each has ended, or
// has served some and waits for the next one.
func (b *backend) settle(t testing.TB) {
	t.Helper()
	last, err := net.Dial(b.ln.Addr().Network(), b.ln.Addr().String()) // accepted after all others
	if err != nil {
		t.Fatal(err)
	}
	last.Close()
	eventually(t, "what the proxy has sent so far is read", func() bool { return b.settled(last.LocalAddr().String()) })
}

// settled says that a connection from that address has been accepted, and that none is in the middle of a request.
func (b *backend) settled(last string) (accepted bool) {
	for _, c := range b.all() {
		c.mu.Lock()
		amid := !c.ended && (c.whole == 0 || c.total > c.whole)
		c.mu.Unlock()
		if amid {
			return false
		}
		accepted = accepted || c.RemoteAddr().String() == last
	}
	return accepted
}

func (b *backend) all() []*backendConn {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.conns)
}

// Read keeps what comes.
func (c *backendConn) Read(p []byte) (int, error) {
	n, err := c.conn.Read(p)
	c.mu.Lock()
	c.total += n
	c.bytes = append(c.bytes, p[:min(n, maxKept-len(c.bytes))]...)
	c.mu.Unlock()
	return n, err
}

func (c *backendConn) received() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.bytes)
}

// next reads the next request; false when none comes any more.
func (c *backendConn) next() (message, bool) {
	m, err := readRequest(c.r)
	if err != nil {
		return m, false
	}
	c.mu.Lock()
	c.whole = c.total - c.r.Buffered()
	c.mu.Unlock()
	c.b.mu.Lock()
	c.b.requests = append(c.b.requests, m)
	c.b.mu.Unlock()
	return m, true
}

// send writes raw bytes; a proxy that has gone is found out by the next read.
func (c *backendConn) send(raw string) { _, _ = c.Write([]byte(raw)) }

// reset ends the connection with an RST.
func (c *backendConn) reset() {
	_ = c.conn.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// read reads n bytes, or what comes before the end.
func (c *backendConn) read(n int) string {
	s, _ := readN(c.r, int64(n))
	return s
}

// drain reads until the proxy closes, and returns what came.
func (c *backendConn) drain() string {
	var all strings.Builder
	_, _ = c.r.WriteTo(&all)
	return all.String()
}

func (c *backendConn) finish() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		panic(err)
	}
}

// answering is the script that answers every request with the same bytes.
func answering(raw string) func(*backendConn) {
	return func(c *backendConn) {
		for {
			if _, more := c.next(); !more {
				return
			}
			c.send(raw)
		}
	}
}

// answeringOnce is the script that answers one request, with bytes after which the connection ends.
func answeringOnce(raw string) func(*backendConn) {
	return func(c *backendConn) {
		if _, more := c.next(); more {
			c.send(raw)
		}
	}
}

// answeringBy is the script that asks answer for the bytes that each request gets.
func answeringBy(answer func(message) string) func(*backendConn) {
	return func(c *backendConn) {
		for {
			m, more := c.next()
			if !more {
				return
			}
			c.send(answer(m))
		}
	}
}
