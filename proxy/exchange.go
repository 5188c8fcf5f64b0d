package proxy

import (
	"errors"
	"sync"

	"github.com/holdfast-proxy/holdfast/proxy/event"
	"github.com/holdfast-proxy/holdfast/routing"
)

// exchange is one request and its reply: admitted, placed, carried, settled. It is lent to a connection for as long
// as that takes.
type exchange struct {
	*draft // nil while a reply is waited for, and nothing but that
	c      *conn
	facts

	decision routing.Decision
	up       *upConn
	access   *access     // nil without an access log
	next     stage       // what is to be done next
	on       *event.Loop // whose goroutine has the present stage; nil: one that was lent to it

	left     leaving // to whom the last stage has left it
	holds    bool    // decision holds a place that end gives back
	early    bool    // the reply has come before the request was sent whole
	retried  bool    // the one attempt after a reused connection's death has been made
	answered bool    // some of the reply has been written, or is what the loop sends next
	closing  bool    // the client's connection ends with this exchange
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

func newExchange(c *conn) *exchange {
	x := exchanges.Get().(*exchange)
	x.c, x.draft, x.query = c, takeDraft(), &noQuery
	c.p.busy.Add(1)
	return x
}

// end gives back all that the exchange was lent.
func (x *exchange) end() {
	x.dropUpstream()
	if x.closing && x.keepAlive {
		x.c.linger = true // the client did not ask for it, and may have sent its next request
	}
	if x.holds {
		if x.leaves || x.c.left() {
			x.decision.Hold.Leave()
		}
		x.decision.Hold.Release()
	}
	x.logRequest()
	x.releaseWire()
	giveDraft(x.draft)
	x.c.p.busy.Add(-1)
	*x = exchange{facts: facts{origin: x.origin[:0]}}
	exchanges.Put(x)
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
