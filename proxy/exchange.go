package proxy

import (
	"errors"
	"sync"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/routing"
)

// exchange is one request and its reply: admitted, placed, carried, settled. It is lent to a connection for as long
// as that takes.
//
// The head's fields in req alias the client's buffer. collect serialises them into wire, as the backend is to see
// them, and consumes them; afterwards only what facts has copied may be read of them.
type exchange struct {
	c       *conn
	req     http1.Request
	lent    *fieldList // for the fields of req, until serialise has made use of them
	headLen int        // of req, at the start of the client's buffer
	facts

	decision  routing.Decision
	holds     bool               // decision holds a place that end gives back
	tried     []*routing.Backend // those that could not be dialled
	firstDial time.Time          // when dialling the first of them began

	seeking  bool    // its session is searched for
	search   *search // that it is a member of; nil: its backend is known
	opening  bool    // it waits at the gate for the search
	asking   bool    // it asks a backend about the session
	proved   bool    // it has found the session's owner
	presumed bool    // the backend it is at has been silent, and is presumed to own the session
	kept     answer  // what an upgrade gets if no backend takes it
	heldSize int64   // bytes of wire that count against the bound on held bodies

	wire   []byte  // the request as the backend sees it, up to the part of its body that is streamed
	upload *upload // the streaming of the rest of the body; nil: wire is all there is

	up      *upConn
	early   bool // the reply has come before the request was sent whole
	retried bool // the one attempt after a reused connection's death has been made

	access  access
	left    leaving // to whom the last stage has left it
	next    stage   // what is to be done then
	guest   *guest  // what next waits for, if that is a place
	failure error   // what next is about, if that is a failure
	said    said    // what next is about, if that is something said at once

	on *event.Loop // whose goroutine has the present stage; nil: one that was lent to it

	answered bool // some of the reply has been written, or is what the loop sends next
	closing  bool // the client's connection ends with this exchange
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

func newExchange(c *conn) *exchange {
	x := exchanges.Get().(*exchange)
	x.c = c
	x.lent = lend(&x.req.Fields)
	c.p.busy.Add(1)
	return x
}

// end gives back all that the exchange was lent.
func (x *exchange) end() {
	x.dropUpstream()
	if x.closing && x.req.KeepAlive {
		x.c.linger = true // the client did not ask for it, and may have sent its next request
	}
	if x.holds {
		if x.leaves || x.c.left() {
			x.decision.Hold.Leave()
		}
		x.decision.Hold.Release()
	}
	x.logRequest()
	x.forgetFields()
	x.releaseWire()
	x.c.p.busy.Add(-1)
	clear(x.tried)
	*x = exchange{req: x.req, facts: facts{origin: x.origin[:0]}, tried: x.tried[:0], access: access{path: x.access.path}}
	exchanges.Put(x)
}

// forgetFields gives back the array of the request's fields.
func (x *exchange) forgetFields() {
	x.lent.reclaim(&x.req.Fields)
	x.lent = nil
}

// run carries one request from its parsed head to the last byte of its reply; true says that the connection can take
// another.
func (x *exchange) run() bool {
	if err := x.identify(); err != nil {
		return x.refuse(err)
	}
	return x.placed(x.route(nil))
}

// placed goes on with what the router has decided; end gives back the place that it has reserved.
func (x *exchange) placed(d routing.Decision, err error) bool {
	if err == errMustWait {
		return x.leave(leftToGoroutine, (*exchange).awaitPlace)
	}
	x.decision, x.holds = d, err == nil
	if !errors.Is(err, routing.ErrUnknownSession) {
		x.c.p.stats.pins[d.Pin].Add(1)
	} else if x.maySeek() {
		if x.c.onLoop {
			return x.leave(leftToGoroutine, (*exchange).seek)
		}
		return x.seek()
	}
	if err != nil {
		return x.refuse(err)
	}
	if err := x.collect(); err != nil {
		return x.refuse(err)
	}
	return x.carry()
}

// awaitPlace is the stage of a handshake that has to wait for its place.
func (x *exchange) awaitPlace() bool { return x.placed(x.wait()) }

// carry brings the request to its backend and the reply to the client.
func (x *exchange) carry() bool { return x.concludeAttempt(x.attempt()) }

// concludeAttempt goes on after an attempt: with another one, with the reply, or with the news that there will be none.
func (x *exchange) concludeAttempt(err error) bool {
	switch err = x.repeated(err); err {
	case nil:
		return x.deliver()
	case errParked:
		return x.leave(leftToWait, (*exchange).resume)
	case errMustDial:
		return x.leave(leftToGoroutine, (*exchange).carry)
	case errDialling:
		return x.leave(leftToWait, (*exchange).connected)
	case errToSend:
		return x.say(&x.up.stream, x.wire, (*exchange).taken)
	case errUnsent:
		return x.leave(leftToGoroutine, (*exchange).sendRest)
	case errFailed:
		return x.leave(leftToGoroutine, (*exchange).failed)
	}
	return x.fail(err)
}

// failed is the stage that follows a failure on the loop.
func (x *exchange) failed() bool { return x.concludeAttempt(x.failure) }

// dropUpstream closes the backend's connection, and with that ends an upload to it.
func (x *exchange) dropUpstream() {
	if x.up == nil {
		return
	}
	x.endUpload()
	x.c.detach()
	x.up.home.drop(x.up)
	x.up = nil
}
