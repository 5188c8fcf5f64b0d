package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/proxy/relay"
	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// conn is a client's connection. What a request needs beyond this is lent to it for the time it takes, and so is a
// goroutine where one is needed (see carry.go), so that an idle client costs next to nothing.
type conn struct {
	p *Proxy
	stream
	peer netip.Addr // the other end, as the socket or a trusted PROXY header says

	up    *upConn     // what to abort when the client leaves; written only while the watch is not armed
	watch relay.Watch // tells that it has left
	gone  atomic.Bool // it has

	leaving chan struct{} // closed then; nil while nobody waits for it

	query     engineio.Query // the last request's: a session's requests on one connection share its strings
	secure    bool           // came by TLS
	counted   bool           // by perIP
	unopened  bool           // what open reads has not begun to come
	more      bool           // behind what is unsent, the connection can take another request
	linger    bool           // bytes of the client may be unread: a plain close would destroy our last reply
	tunnelled bool           // handed to the relay, which closes it

	state     atomic.Int32 // who has the connection
	x         *exchange    // while parked
	due       atomic.Int64 // when, by p.now, waiting has taken too long
	scheduled atomic.Int64 // when Due is called
	timer     event.Timer
	own       event.Socket // nc, if it is one
}

func newConn(p *Proxy, nc net.Conn) *conn {
	c := &conn{p: p}
	c.init(nc)
	c.scheduled.Store(never)
	if ap, err := netip.ParseAddrPort(nc.RemoteAddr().String()); err == nil {
		c.peer = ap.Addr().Unmap()
	}
	return c
}

// serve is the goroutine that a connection begins with if it has to wait for something before its first request.
func (c *conn) serve() {
	defer c.p.recovered("opening a connection", c.end)
	if c.open() != nil || !c.p.perIP.enter(c) {
		c.end()
		return
	}
	if !c.onSocket() {
		if err := c.p.relay.Watch(&c.watch, c.nc, c); err != nil {
			c.p.log.Error("client connection not watched", "err", err)
			c.end()
			return
		}
	}
	c.tend(nil, nil, nil)
}

// end closes the connection, unless it is the relay's by now, and forgets it.
func (c *conn) end() {
	if c.onLoop && c.linger {
		c.onLoop = false
		go c.end()
		return
	}
	defer c.p.forget(c)
	defer c.p.recovered("ending a client's connection", func() { c.nc.Close() })
	c.finish()
}

// idle says that no request has begun: nothing has come, or no more than the line end that some clients send behind a
// body (RFC 9112 section 2.2).
func (c *conn) idle() bool {
	b := c.buffered()
	return len(b) == 0 || b[0] == '\r' && (len(b) == 1 || len(b) == 2 && b[1] == '\n')
}

// readHead reads until a whole head has been parsed into req, and consumes nothing: the head lies in the first n buffered
// bytes. The error is an *http1.Error for the client, or why there will be no request.
func (c *conn) readHead(req *http1.Request) (n int, err error) {
	var until time.Time
	for seen := 0; ; {
		n, bad := req.Parse(c.buffered(), seen, c.p.cfg.heads)
		if bad != nil {
			return n, bad
		}
		if n > 0 {
			return n, nil
		}
		seen = len(c.buffered())
		if until.IsZero() {
			until = time.Now().Add(c.p.cfg.HeaderTimeout)
		}
		c.room(c.p.cfg.MaxHeaderBytes)
		if err := c.fill(max(time.Until(until), 1)); isTimeout(err) {
			return 0, errSlowHead
		} else if err != nil {
			return 0, err
		}
	}
}

// PeerLeft implements relay.Watcher: the client's FIN or RST has come while a backend is waited for.
func (c *conn) PeerLeft() {
	c.gone.Store(true)
	if c.up != nil {
		c.up.abort()
	}
	if c.leaving != nil {
		close(c.leaving)
	}
}

// watchLeaving returns what is closed when the client leaves, until stop is called.
func (c *conn) watchLeaving() (gone <-chan struct{}, stop func()) {
	c.leaving = make(chan struct{})
	c.watch.Arm()
	return c.leaving, func() {
		c.watch.Disarm()
		c.leaving = nil
	}
}

// await waits until change is closed; false says that the client, or the time to serve it, has gone before that.
func (c *conn) await(change <-chan struct{}) bool {
	gone, stop := c.watchLeaving()
	defer stop()
	select {
	case <-change:
		return !c.left()
	case <-gone:
	case <-c.p.stop:
	}
	return false
}

// attach names the upstream connection that must not outlive the client, until detach. While the client still sends a
// body, whoever reads that finds out by itself.
func (c *conn) attach(up *upConn, sending bool) {
	c.up = up
	if !sending {
		c.watch.Arm()
	}
}

func (c *conn) detach() {
	c.watch.Disarm()
	if c.up != nil {
		c.up.carries.Store(nil)
		c.up = nil
	}
}

// left says that the client has left, so that nobody is there to be answered.
func (c *conn) left() bool { return c.gone.Load() }

// abort ends every wait on the connection, now and later. Whoever waits for a backend waits on that one's connection.
func (c *conn) abort() {
	c.stream.abort()
	c.endResting()
}

// halt ends the waits for what the client sends, and the connection if that is between two requests.
func (c *conn) halt() {
	c.stream.halt()
	c.endResting()
}

// endResting ends the connection if its next request is waited for.
func (c *conn) endResting() {
	if c.claim(resting) {
		go c.end()
	}
}

// finish closes the connection, unless it is the relay's by now.
func (c *conn) finish() {
	c.p.wheel.Remove(&c.timer)
	c.watch.Stop()
	if c.tunnelled {
		return
	}
	defer c.p.uncount(c.countedAs())
	defer c.close()
	if c.linger {
		c.resume()
		c.drainInput()
	}
}

// drainInput reads what a refused client is still sending, within bounds, because closing a socket with unread bytes
// sends an RST that overtakes the reply (RFC 9112 section 9.6).
func (c *conn) drainInput() {
	if half, ok := c.layer.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	until := time.Now().Add(lingerTime)
	for total := 0; total < lingerBytes; {
		c.discard()
		left := time.Until(until)
		if left <= 0 || c.fill(left) != nil {
			return
		}
		total += len(c.buffered())
	}
}

var errSlowHead = &http1.Error{Status: 408, Line: "request head took too long", Close: true}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }
