package proxy

import (
	"errors"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

// What an attempt returns that is not over.
var (
	errParked   = errors.New("the reply is waited for")
	errMustDial = errors.New("the backend must be dialled")
	errDialling = errors.New("the backend is being dialled")
	errToSend   = errors.New("the loop is to send the request")
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
		case errParked, errMustDial, errDialling, errToSend, errUnsent:
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
		if x.up, err = u.getNow(x.pinned(), x.retried, x.neighbour()); err == errMustDial {
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

// neighbour is the socket whose loop a new connection to the backend is to be on: the two sides of a tunnel are on one. nil:
// it may be on any.
func (x *exchange) neighbour() *event.Socket {
	if !x.upgrade {
		return nil
	}
	return &x.c.own
}

// send sends the request and waits for the head of its final reply.
func (x *exchange) send() error {
	if x.c.onLoop {
		return errToSend
	}
	if err := x.up.write(x.wire, x.c.p.cfg.BodyTimeout); err != nil {
		return &failure{sending, err}
	}
	return x.sent()
}

// taken is the stage that comes when the backend has taken what it takes of the request at once. One that is being dialled may
// well have accepted by now.
func (x *exchange) taken() bool {
	switch err := x.said.err; {
	case isAgain(err) && x.up.dialling:
		return x.concludeAttempt(errDialling)
	case err != nil && !isAgain(err) && x.up.dialling:
		return x.concludeAttempt(&failure{dialling, err})
	case err != nil && !isAgain(err):
		return x.concludeAttempt(&failure{sending, err})
	}
	x.up.dialling = false
	if x.said.n < len(x.wire) {
		return x.concludeAttempt(errUnsent)
	}
	return x.concludeAttempt(x.sent())
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

// sendRest is the stage that sends the rest.
func (x *exchange) sendRest() bool {
	if err := x.up.write(x.wire[x.said.n:], x.c.p.cfg.BodyTimeout); err != nil {
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
		case res.Status != 100 && !x.old:
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
	up.borrowHead()
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
		tell(x.decision.Backend, x.outcome(err), x.client)
	}
}

func blamesBackend(err error) bool {
	var client *clientError
	return !errors.Is(err, errAborted) && !errors.As(err, &client)
}
