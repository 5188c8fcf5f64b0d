package proxy

import (
	"math"
	"net/http"
	"os"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

// Who may touch a client's connection, and what it has been lent. A connection on an event loop needs a goroutine only
// for what must wait in the middle of something: between two requests, and while a backend's reply is waited for, nobody
// has it, and whoever moves its state back to carried first may go on with it.
const (
	carried int32 = iota // a goroutine, or the loop's own for the moment, has it
	resting              // nobody has it: its next request is waited for
	parked               // nobody has it: something at its backend is waited for, and its stage comes next
)

// stage is a part of an exchange that goes on until something has to be waited for. True says that the exchange is over
// and the connection can take another request.
type stage = func(*exchange) bool

// Edge implements event.Owner: the client has sent something, or left.
func (c *conn) Edge(s *event.Socket, edges uint32) {
	if edges&event.Hup != 0 {
		c.watch.HungUp()
	}
	if edges&event.In != 0 && c.claim(resting) {
		c.tend(s.Loop(), nil, nil)
	}
}

// Edge implements event.Owner: the backend has answered, or the dial has ended, or an idle connection is of no use any
// longer.
func (u *upConn) Edge(s *event.Socket, edges uint32) {
	c := u.carries.Load()
	switch {
	case c != nil && c.claim(parked):
		x, do := c.unpark()
		c.tend(s.Loop(), x, do)
	case c == nil && edges&event.In != 0:
		u.home.lose(u)
	}
}

// claim makes the caller the one who has the connection, if nobody has it and it is in that state.
func (c *conn) claim(state int32) bool { return c.state.CompareAndSwap(state, carried) }

// tend serves the connection, beginning with a stage of an exchange if there is one, until something is waited for that
// needs nobody, or until the connection ends. On a loop, which is nil on a goroutine, it hands over to a goroutine what would
// wait there.
func (c *conn) tend(l *event.Loop, x *exchange, do stage) {
	defer c.p.recovered("serving a connection", c.end)
	c.onLoop = l != nil
	if c.unopened {
		c.onLoop = false
		go c.serve() // a handshake waits in the middle of things
		return
	}
	for turns := 0; ; turns++ {
		if c.onLoop && turns == turnsOnLoop {
			c.leaveLoop(x, do)
			return
		}
		if x == nil {
			if c.idle() {
				if !c.awaitRequest() {
					return
				}
				continue
			}
			x, do = newExchange(c), (*exchange).begin
		}
		x.on = l
		more, left := c.carry(x, do)
		switch {
		case left == leftToLoop:
			s := &x.said
			if s.to.post(l, s.text, x) {
				return
			}
			s.n, s.err = s.to.sock.TryWrite(s.text)
			do = x.next
			continue
		case left == leftToGoroutine:
			c.leaveLoop(x, x.next)
			return
		case left == leftToWait:
			if !c.park(x) {
				return
			}
			x, do = c.unpark()
			continue
		case c.onLoop && c.unsent != nil:
			c.more = more
			if c.post(l, c.unsent.bytes(), c) || !c.sent(c.sock.TryWrite(c.unsent.bytes())) {
				return
			}
		case !more:
			c.end()
			return
		}
		x = nil
	}
}

// turnsOnLoop is how often in a row the loop goes on with one connection: a client that pipelines what costs it nothing
// must not keep the others waiting.
const turnsOnLoop = 32

// leaveLoop has a goroutine go on with the connection.
func (c *conn) leaveLoop(x *exchange, do stage) {
	c.onLoop = false
	go c.tend(nil, x, do)
}

// said is what the loop is to send to one side of an exchange, and how far it got.
type said struct {
	to   *stream
	text []byte
	n    int
	err  error
}

// say ends a stage with something that the loop is to send, as far as it can be sent at once; next is the stage to come then.
func (x *exchange) say(to *stream, text []byte, next stage) bool {
	x.said = said{to: to, text: text}
	return x.leave(leftToLoop, next)
}

// Posted implements event.Poster: what an exchange says has been sent.
func (x *exchange) Posted(l *event.Loop, n int, err error) {
	x.said.n, x.said.err = n, err
	x.c.tend(l, x, x.next)
}

// Posted implements event.Poster: a reply has been sent.
func (c *conn) Posted(l *event.Loop, n int, err error) {
	if c.sent(n, err) {
		c.tend(l, nil, nil)
	}
}

// sent notes how much of the reply the client has taken at once. It reports whether the connection can take another request now.
func (c *conn) sent(n int, err error) bool {
	switch {
	case err != nil && !isAgain(err):
		c.end()
	case n < len(c.unsent.bytes()):
		c.unsent.drop(n)
		c.onLoop = false
		go c.catchUp(c.more)
	case !c.more:
		c.dropUnsent()
		c.end()
	default:
		c.dropUnsent()
		return true
	}
	return false
}

// carry takes an exchange through a stage and ends the exchange unless it is left to somebody else.
func (c *conn) carry(x *exchange, do stage) (more bool, left leaving) {
	defer func() {
		left, x.left = x.left, leftToNobody
		if left == leftToNobody {
			x.end()
		}
	}()
	defer c.p.recovered("serving a request", func() {
		x.left = leftToNobody
		more = x.apologise()
	})
	return do(x), leftToNobody
}

// leaving says to whom a stage has left its exchange.
type leaving uint8

const (
	leftToNobody    leaving = iota // it is over
	leftToGoroutine                // the next stage may wait for what no event tells
	leftToWait                     // the next stage comes when the backend's connection has an edge
	leftToLoop                     // the next stage comes when the loop has sent what the exchange says
)

// leave ends a stage that the exchange is not over with; next is the one to come.
func (x *exchange) leave(to leaving, next stage) bool {
	x.left, x.next = to, next
	return false
}

// park leaves the exchange to whoever is told first of what it waits for. It returns false, or true if that is the caller.
func (c *conn) park(x *exchange) bool {
	up, awaited := x.up, event.In // x may be another's as soon as the state says parked
	if up.dialling {
		awaited = event.Out
	}
	patience := x.patience()
	x.slim()
	c.x = x
	loop := c.onLoop
	c.onLoop = false
	c.schedule(patience)
	up.carries.Store(c)
	c.state.Store(parked)
	if (up.own.Edges()&awaited != 0 || up.aborted.Load()) && c.claim(parked) {
		c.onLoop = loop
		return true
	}
	return false
}

// unpark returns the exchange that was parked and its next stage.
func (c *conn) unpark() (*exchange, stage) {
	x := c.x
	c.x = nil
	if x.draft == nil {
		x.draft = takeDraft()
	}
	return x, x.next
}

// rest leaves the connection to whoever is told first of its next request, or of its TLS handshake. It returns false, or true
// if that is the caller.
func (c *conn) rest() bool {
	loop, patience := c.onLoop, c.p.cfg.IdleTimeout
	if c.unopened {
		patience = c.p.cfg.HeaderTimeout
	}
	c.onLoop = false
	c.schedule(patience)
	c.state.Store(resting)
	if (c.own.Edges()&event.In != 0 || c.aborted.Load() || c.halted.Load()) && c.claim(resting) {
		c.onLoop = loop
		return true
	}
	return false
}

// awaitRequest waits, holding no buffer, for the first bytes of a request; false says that the caller has nothing more to
// do with the connection.
func (c *conn) awaitRequest() bool {
	c.room(smallStore)
	if !c.onSocket() {
		if c.fill(c.p.cfg.IdleTimeout) != nil {
			c.end()
			return false
		}
		return true
	}
	for {
		if c.own.Edges()&event.In == 0 && !c.rest() { // the last read has left nothing
			return false
		}
		switch err := c.fillNow(); {
		case err == nil:
			return true
		case !isAgain(err):
			c.end()
			return false
		}
	}
}

// catchUp sends what the loop could not, and goes on.
func (c *conn) catchUp(more bool) {
	defer c.p.recovered("serving a connection", c.end)
	if c.sendUnsent(c.p.cfg.BodyTimeout) != nil || !more {
		c.end()
		return
	}
	c.tend(nil, nil, nil)
}

// never is when a connection that is on no wheel is looked after.
const never = math.MaxInt64

// schedule says how long the connection may wait, from now on.
func (c *conn) schedule(patience time.Duration) {
	due := c.p.now() + patience
	c.due.Store(int64(due))
	if int64(due) < c.scheduled.Load() {
		c.scheduled.Store(int64(due))
		c.p.wheel.Put(&c.timer, c, due)
	}
}

// Due implements event.Timed: it ends the wait if it has taken too long.
func (c *conn) Due() {
	c.scheduled.Store(never)
	for due := c.due.Load(); due > int64(c.p.now()); {
		c.scheduled.Store(due)
		c.p.wheel.Put(&c.timer, c, time.Duration(due))
		latest := c.due.Load()
		if latest >= due {
			return
		}
		due = latest // of a wait that has begun meanwhile, and whose place on the wheel may just have been lost
	}
	switch {
	case c.claim(resting):
		c.giveUp(nil, nil)
	case c.claim(parked):
		c.giveUp(c.unpark())
	}
}

// giveUp ends the wait of a connection that the caller has just claimed, unless that is another wait than the one that
// was due.
func (c *conn) giveUp(x *exchange, do stage) {
	switch {
	case c.due.Load() > int64(c.p.now()):
		go c.tend(nil, x, do)
	case x == nil:
		go c.end()
	default:
		go c.tend(nil, x, (*exchange).late)
	}
}

// late is the stage of an exchange whose backend has kept it waiting for too long.
func (x *exchange) late() bool {
	phase := waiting
	if x.up.dialling {
		phase = dialling
	}
	return x.concludeAttempt(&failure{phase, os.ErrDeadlineExceeded})
}

// begin is an exchange's first stage: it reads the request's head. On the loop it does so only for a request that is there
// as a whole and needs nothing to be waited for but its backend.
func (x *exchange) begin() bool {
	if x.c.onLoop {
		n, bad := x.req.Parse(x.c.buffered(), 0, x.c.p.cfg.heads)
		if bad != nil || n == 0 || !x.whole(n) {
			return x.leave(leftToGoroutine, (*exchange).begin)
		}
		x.headLen = n
		return x.run()
	}
	n, err := x.c.readHead(&x.req)
	x.headLen = n
	if err != nil {
		return x.refuseHead(err)
	}
	return x.run()
}

// whole says that a request whose head has n bytes has been read to its end.
func (x *exchange) whole(n int) bool {
	body := &x.req.Body
	return body.Framing == http1.NoBody ||
		body.Framing == http1.Length && body.Length <= heldBody && int64(len(x.c.buffered())-n) >= body.Length
}

// resume is the stage that comes when the backend has answered. On the loop it takes only a final reply that is there as a
// whole.
func (x *exchange) resume() bool {
	if x.c.onLoop {
		switch there, err := x.replyIsThere(); {
		case isAgain(err):
			return x.leave(leftToWait, (*exchange).resume)
		case !there:
			return x.leave(leftToGoroutine, (*exchange).resume)
		}
	}
	if err := x.awaitReply(); err != nil {
		return x.concludeAttempt(&failure{waiting, err})
	}
	return x.concludeAttempt(nil)
}

// replyIsThere reads once. It reports whether the reply can be passed on without waiting for more of it; if so, its head
// has been parsed.
func (x *exchange) replyIsThere() (bool, error) {
	up := x.up
	up.room(smallStore)
	if err := up.fillNow(); err != nil {
		return false, err
	}
	up.borrowHead()
	n, bad := up.res.Parse(up.buffered(), 0, x.head, x.c.p.cfg.heads)
	if bad != nil || n == 0 || up.res.Status < 200 && (up.res.Status != http.StatusSwitchingProtocols || !x.upgrade) {
		return false, nil
	}
	body := &up.res.Body
	if !body.Done() && (body.Framing != http1.Length || int64(len(up.buffered())-n) < body.Length) {
		return false, nil
	}
	up.headLen, up.parsed = n, true
	return true, nil
}
