package proxy

import (
	"errors"
	"sync"
	"time"

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
	headLen int // of req, at the start of the client's buffer
	facts

	decision  routing.Decision
	placed    bool               // decision holds a place that end gives back
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

	access   access
	answered bool // some of the reply has reached the client
	closing  bool // the client's connection ends with this exchange
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

func newExchange(c *conn) *exchange {
	x := exchanges.Get().(*exchange)
	x.c = c
	c.p.busy.Add(1)
	return x
}

// end gives back all that the exchange was lent.
func (x *exchange) end() {
	x.dropUpstream()
	if x.closing && x.req.KeepAlive {
		x.c.linger = true // the client did not ask for it, and may have sent its next request
	}
	if x.placed {
		if x.leaves || x.c.left() {
			x.decision.Hold.Leave()
		}
		x.decision.Hold.Release()
	}
	x.logRequest()
	x.releaseWire()
	x.c.p.busy.Add(-1)
	clear(x.tried)
	*x = exchange{req: x.req, facts: facts{origin: x.origin[:0]}, tried: x.tried[:0], access: access{path: x.access.path}}
	exchanges.Put(x)
}

// run carries one request from its parsed head to the last byte of its reply; true says that the connection can take
// another.
func (x *exchange) run() bool {
	if err := x.identify(); err != nil {
		return x.refuse(err)
	}
	if err := x.place(); errors.Is(err, routing.ErrUnknownSession) && x.maySeek() {
		return x.seek()
	} else if err != nil {
		return x.refuse(err)
	}
	if err := x.collect(); err != nil {
		return x.refuse(err)
	}
	return x.carry()
}

// place asks the router; end gives back the place that it reserves.
func (x *exchange) place() error {
	d, err := x.c.p.cfg.Router.Route(x.routingRequest())
	x.decision, x.placed = d, err == nil
	if !errors.Is(err, routing.ErrUnknownSession) {
		x.c.p.stats.pins[d.Pin].Add(1)
	}
	return err
}

// carry brings the request to its backend and the reply to the client.
func (x *exchange) carry() bool {
	if err := x.attemptRepeated(); err != nil {
		return x.fail(err)
	}
	return x.deliver()
}

// attemptRepeated attempts until an attempt succeeds or must not be repeated, and tells the health checker of all but
// those that died with a reused connection, for which nobody is to blame.
func (x *exchange) attemptRepeated() error {
	for {
		err := x.attempt()
		stale := err != nil && !isTimeout(err) && x.staleReuse()
		if !stale {
			x.observe(err)
		}
		if err == nil || !x.again(err, stale) {
			return err
		}
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
	x.up, err = u.get(x.pinned(), x.retried, x.dialTimeout())
	if err != nil {
		return &failure{dialling, err}
	}
	x.c.attach(x.up, x.upload != nil)
	if x.c.left() || x.c.p.over(x.decision.Backend) {
		return &failure{dialling, errAborted}
	}
	if err := x.up.write(x.wire, x.c.p.cfg.BodyTimeout); err != nil {
		return &failure{sending, err}
	}
	if x.upload != nil {
		x.upload.start(x.up)
	}
	if !x.repeatable() && x.search == nil {
		x.releaseWire()
	}
	if err := x.awaitReply(); err != nil {
		return &failure{waiting, err}
	}
	return nil
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
	d, err := x.c.p.cfg.Router.RouteExcept(x.routingRequest(), x.tried)
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

// patience is how long the reply may take to begin: a poll hangs until its session has something to say.
func (x *exchange) patience() time.Duration {
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

// observe tells the health checker how an attempt ended.
func (x *exchange) observe(err error) {
	var client *clientError
	if tell := x.c.p.cfg.OnOutcome; tell != nil && !x.c.left() && !errors.As(err, &client) {
		tell(x.decision.Backend, x.outcome(err), x.from.client)
	}
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
