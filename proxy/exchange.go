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

	answered bool // some of the reply has reached the client
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
	case errUnsent:
		return x.leave(leftToGoroutine, (*exchange).sendRest)
	case errFailed:
		return x.leave(leftToGoroutine, (*exchange).failed)
	}
	return x.fail(err)
}

// failed is the stage that follows a failure on the loop.
func (x *exchange) failed() bool { return x.concludeAttempt(x.failure) }

// What an attempt returns that is not over.
var (
	errParked   = errors.New("the reply is waited for")
	errMustDial = errors.New("the backend must be dialled")
	errDialling = errors.New("the backend is being dialled")
	errUnsent   = errors.New("the backend has not taken all of the request")
	errFailed   = errors.New("a goroutine must decide what follows from a failure")
	errMustWait = errors.New("a place at a backend must be waited for")
)

// attemptRepeated attempts until an attempt succeeds or must not be repeated.
func (x *exchange) attemptRepeated() error { return x.repeated(x.attempt()) }

// repeated goes on after an attempt until one succeeds or must not be repeated, and tells the health checker of all but
// those that died with a reused connection, for which nobody is to blame.
func (x *exchange) repeated(err error) error {
	for {
		switch err {
		case errParked, errMustDial, errDialling, errUnsent:
			return err
		}
		if err != nil && x.c.onLoop {
			x.failure = err
			return errFailed
		}
		stale := err != nil && !isTimeout(err) && x.staleReuse()
		if !stale {
			x.observe(err)
		}
		if err == nil || !x.again(err, stale) {
			return err
		}
		err = x.attempt()
	}
}

// failure says how far an attempt came.
type failure struct {
	phase phase
	err   error
}

type phase uint8

const (
	dialling phase = iota // the backend has seen nothing
	sending               // it has not seen the whole request
	waiting               // it may have acted on the request
)

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// attempt sends the request to the decided backend and waits for the head of its final reply.
func (x *exchange) attempt() error {
	u, err := x.c.p.upstreamOf(x.decision.Backend)
	if err != nil {
		return &failure{dialling, err}
	}
	if x.c.onLoop {
		if x.up, err = u.getNow(x.pinned(), x.retried); err == errMustDial {
			return err
		} else if err != nil {
			return &failure{dialling, err}
		}
	} else if x.up, err = u.get(x.pinned(), x.retried, x.dialTimeout()); err != nil {
		return &failure{dialling, err}
	}
	x.c.attach(x.up, x.upload != nil)
	if x.c.left() || x.c.p.over(x.decision.Backend) {
		return &failure{dialling, errAborted}
	}
	return x.send()
}

// send sends the request and waits for the head of its final reply.
func (x *exchange) send() error {
	if x.c.onLoop {
		if err := x.sendNow(); err != nil {
			return err
		}
	} else if err := x.up.write(x.wire, x.c.p.cfg.BodyTimeout); err != nil {
		return &failure{sending, err}
	}
	return x.sent()
}

// sendNow sends the request as far as the backend takes it at once. One that is being dialled may well have accepted by
// now.
func (x *exchange) sendNow() error {
	n, err := x.up.sock.TryWrite(x.wire)
	switch {
	case isAgain(err) && x.up.dialling:
		return errDialling
	case err != nil && !isAgain(err) && x.up.dialling:
		return &failure{dialling, err}
	case err != nil && !isAgain(err):
		return &failure{sending, err}
	}
	x.up.dialling = false
	if n < len(x.wire) {
		x.up.unsent = append(x.up.unsent, x.wire[n:]...)
		return errUnsent
	}
	return nil
}

// connected is the stage that comes when a dial has ended.
func (x *exchange) connected() bool {
	switch {
	case x.up.aborted.Load():
		return x.concludeAttempt(&failure{dialling, errAborted})
	case x.up.own.Edges()&event.Out == 0:
		return x.leave(leftToWait, (*exchange).connected) // it was another event
	}
	if err := x.up.own.Err(); err != nil {
		return x.concludeAttempt(&failure{dialling, err})
	}
	x.up.dialling = false
	return x.concludeAttempt(x.send())
}

// sendRest is the stage that sends what sendNow could not.
func (x *exchange) sendRest() bool {
	if err := x.up.sendUnsent(x.c.p.cfg.BodyTimeout); err != nil {
		return x.concludeAttempt(&failure{sending, err})
	}
	return x.concludeAttempt(x.sent())
}

// sent waits for the head of the final reply to a request that has left, or whose body is about to be streamed.
func (x *exchange) sent() error {
	if x.upload != nil {
		x.upload.start(x.up)
	}
	if !x.repeatable() && x.search == nil {
		x.releaseWire()
	}
	if x.waits() && x.search == nil {
		x.up.poll.begin()
	}
	if x.parks() {
		return errParked
	}
	if err := x.awaitReply(); err != nil {
		return &failure{waiting, err}
	}
	return nil
}

// parks says that nobody needs to wait for the reply.
func (x *exchange) parks() bool {
	return x.c.onSocket() && x.up.onSocket() && x.upload == nil && x.search == nil
}

// dialTimeout is how long a dial may take. In a search others wait for its turn.
func (x *exchange) dialTimeout() time.Duration {
	if x.search != nil {
		return min(x.c.p.cfg.ConnectTimeout, searchDial)
	}
	return x.c.p.cfg.ConnectTimeout
}

// repeatable says that the request may be sent a second time although a backend may have seen all of it: it has no
// sid, no body, and a method that is safe (RFC 9110 section 9.2.1). A poll never is.
func (x *exchange) repeatable() bool {
	return !x.pinned() && x.safe && x.req.Body.Framing == http1.NoBody
}

// again prepares another attempt if the failed one allows it: at another backend when this one could not be dialled
// and the request is bound to none, or once more at the same one when a reused connection died under the request.
func (x *exchange) again(err error, stale bool) bool {
	var f *failure
	if !errors.As(err, &f) || errors.Is(err, errAborted) || isTimeout(err) && f.phase != dialling {
		return false
	}
	if f.phase == dialling {
		x.dropUpstream()
		return !x.pinned() && x.placeElsewhere()
	}
	unseen := f.phase == sending && x.upload == nil
	if !stale || x.retried || !unseen && !x.repeatable() {
		return false
	}
	x.dropUpstream()
	x.retried = true
	return true
}

// staleReuse says that the attempt has met a connection that its backend was about to close: reused, and dead before a
// byte of the reply.
func (x *exchange) staleReuse() bool {
	return x.up != nil && x.up.reused && !x.up.spoke && len(x.up.buffered()) == 0
}

// placeElsewhere gives up the place at a backend that could not be dialled for one at a backend not tried yet.
func (x *exchange) placeElsewhere() bool {
	if x.firstDial.IsZero() {
		x.firstDial = time.Now().Add(-x.c.p.cfg.ConnectTimeout)
	}
	if x.c.left() || time.Since(x.firstDial) > dialRounds*x.c.p.cfg.ConnectTimeout {
		return false
	}
	x.tried = append(x.tried, x.decision.Backend)
	d, err := x.route(x.tried)
	if err != nil {
		return false
	}
	x.decision.Hold.Release()
	x.decision = d
	return true
}

// awaitReply reads the head of the final reply. Of the interim ones a backend's 100 is swallowed, since the client got
// ours, and the rest passed on (RFC 9110 section 15.2).
func (x *exchange) awaitReply() error {
	for interim := 0; ; interim++ {
		if err := x.readReplyHead(); err != nil {
			return err
		}
		x.up.spoke = true
		if x.waits() && x.search == nil && !x.up.poll.answer() {
			return errAborted
		}
		res := &x.up.res
		switch {
		case res.Status == 101 && !x.upgrade:
			return errUnaskedUpgrade
		case res.Status == 101 || res.Status >= 200:
			return nil
		case interim == maxInterim:
			return errInterim
		case res.Status != 100 && x.req.Minor == 1:
			if err := x.passInterim(); err != nil {
				return err
			}
		}
		x.up.consume(x.up.headLen)
	}
}

const (
	maxInterim = 10
	searchDial = time.Second
	dialRounds = 3 // times ConnectTimeout is how long a request may look for a backend that can be dialled
)

var (
	errUnaskedUpgrade = errors.New("backend switched protocols unasked")
	errInterim        = errors.New("backend sent more than 10 interim replies")
)

func (x *exchange) readReplyHead() error {
	up := x.up
	if up.parsed {
		up.parsed = false
		return nil
	}
	up.borrowFields()
	for seen := 0; ; {
		n, bad := up.res.Parse(up.buffered(), seen, x.head, x.c.p.cfg.heads)
		if bad != nil {
			return bad
		}
		if n > 0 {
			up.headLen = n
			return nil
		}
		seen = len(up.buffered())
		up.room(x.c.p.cfg.MaxHeaderBytes)
		if err := up.fill(x.patience()); isTimeout(err) && (x.presume() || x.uploading()) {
			continue
		} else if err != nil {
			return err
		}
	}
}

// presume notes, once, that a backend is silent on a sid that is searched for.
func (x *exchange) presume() bool {
	if x.search == nil || x.presumed {
		return false
	}
	x.presumed = true
	x.search.presume(x.decision.Backend)
	return true
}

// patience is how long the reply may take to begin: a poll hangs until its session has something to say. While the
// backend is still being dialled, that is what must not take too long.
func (x *exchange) patience() time.Duration {
	if x.up.dialling {
		return x.dialTimeout()
	}
	if x.search != nil && !x.presumed {
		return presumeAfter
	}
	if x.c.p.cfg.PollTimeout > 0 {
		return x.c.p.cfg.PollTimeout
	}
	if ttl := x.decision.TTL; ttl > 0 {
		return ttl + pollGrace
	}
	return unknownPoll
}

func (x *exchange) passInterim() error {
	out := append(x.appendReply(takeBuffer(x.up.headLen + forwardingRoom)[:0]), "\r\n"...)
	defer giveBuffer(out)
	if err := x.c.write(out, x.c.p.cfg.BodyTimeout); err != nil {
		return &clientError{err}
	}
	return nil
}

// observe tells the health checker how an attempt ended, unless that was our own doing or the client's.
func (x *exchange) observe(err error) {
	if tell := x.c.p.cfg.OnOutcome; tell != nil && !x.c.left() && (err == nil || blamesBackend(err)) {
		tell(x.decision.Backend, x.outcome(err), x.from.client)
	}
}

func blamesBackend(err error) bool {
	var client *clientError
	return !errors.Is(err, errAborted) && !errors.As(err, &client)
}

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
