package proxy

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

const plainText = "text/plain; charset=utf-8"

// answer is a reply of this proxy's own. It says no more than the client needs: never an address, a version, or the
// text of an inner error.
type answer struct {
	status      int
	contentType string
	body        string
}

var (
	badGateway = answer{http.StatusBadGateway, plainText, "bad gateway\n"}
	timedOut   = answer{http.StatusGatewayTimeout, plainText, "gateway timeout\n"}
	noBackend  = answer{http.StatusServiceUnavailable, plainText, "no backend available\n"}
	overloaded = answer{http.StatusServiceUnavailable, plainText, "all backends are at their limit\n"}
	crowded    = answer{http.StatusServiceUnavailable, plainText, "too many clients are connecting\n"}
	tooMany    = answer{http.StatusServiceUnavailable, plainText, "too many connections\n"}
	innerFault = answer{http.StatusInternalServerError, plainText, "internal error\n"}
)

// retryAfter is, in seconds, when a client that is refused for want of room should come back. Socket.IO's clients go by
// their own backing off, from 1 to 5 s.
const retryAfter = "5"

// unknownSession is what Engine.IO itself says of a sid that nobody owns: the client opens a new session.
func unknownSession(upgrade bool) answer {
	contentType, body := engineio.UnknownSIDReply(upgrade)
	return answer{http.StatusBadRequest, contentType, body}
}

// refuse answers a request that is not carried: one that cannot be admitted, one whose body does not come, or one that
// has no backend to go to. Other errors mean that nobody is there to be answered.
func (x *exchange) refuse(err error) bool {
	var bad *http1.Error
	switch {
	case errors.As(err, &bad):
		x.closing, x.c.linger = x.closing || bad.Close, bad.Close
		return x.reply(answer{bad.Status, plainText, bad.Line + "\n"})
	case errors.Is(err, routing.ErrRetired):
		return x.sayOver()
	case errors.Is(err, routing.ErrGone), errors.Is(err, routing.ErrUnknownSession):
		return x.reply(unknownSession(x.upgrade))
	case errors.Is(err, routing.ErrOverloaded):
		return x.reply(overloaded)
	case errors.Is(err, errPaced):
		return x.reply(crowded)
	case errors.Is(err, routing.ErrNoBackend):
		return x.reply(noBackend)
	}
	return false
}

// refuseHead answers a request that was not admitted. As far as its head could be read it is honoured: a HEAD gets no
// body, a page of another origin sees the status, and who wants to leave may.
func (x *exchange) refuseHead(err error) bool {
	if x.c.p.cfg.AccessLog {
		x.access = &access{began: time.Now()}
	}
	if bad, ok := err.(*http1.Error); ok && bad != errSlowHead {
		x.head = string(x.req.Method) == "HEAD"
		x.origin = append(x.origin[:0], x.req.Value(http1.Origin)...)
		x.noteVersion()
	}
	return x.refuse(err)
}

// apologise answers a request that a fault of our own has ended.
func (x *exchange) apologise() bool {
	x.closing = true
	x.dropUpstream()
	return !x.answered && x.reply(innerFault)
}

// fail answers a request whose backend did not; if part of a reply has gone out already, only closing is left.
func (x *exchange) fail(err error) bool {
	backend, cutOff := x.decision.Backend, x.cutOff(err)
	x.dropUpstream()
	var client *clientError
	switch {
	case x.answered:
		x.markCut()
		return false
	case x.c.left() || errors.As(err, &client):
		return false
	case x.upload != nil && x.upload.fault != nil:
		return x.refuse(x.upload.fault)
	case errors.Is(err, errAborted), backend.State() >= routing.Down:
		return x.endPolitely()
	case isTimeout(err) && x.waits():
		return x.endPolitely()
	case isTimeout(err):
		return x.reply(timedOut)
	case cutOff && x.takesClose:
		return x.closePoll()
	}
	return x.reply(badGateway)
}

// cutOff says that a poll has waited at its session's own backend until the connection ended, without a byte of a reply.
// Mostly the backend's process has died, but it may live, and the session with it: nothing is buried. A client that takes
// the close packet would give the session up for any other answer as well, and report an error.
func (x *exchange) cutOff(err error) bool {
	var f *failure
	silent := x.up != nil && !x.up.spoke && len(x.up.buffered()) == 0
	return silent && errors.As(err, &f) && f.phase == waiting && x.waits() && x.owned()
}

// closePoll answers a poll with its session's end.
func (x *exchange) closePoll() bool {
	contentType, body := engineio.ClosePacket(*x.query)
	return x.reply(answer{http.StatusOK, contentType, body})
}

// markCut has a reply that could not be finished end in an RST where its end is otherwise the connection's: it must not
// look whole (RFC 9112 section 8).
func (x *exchange) markCut() {
	if socket, ok := x.c.nc.(interface{ SetLinger(int) error }); ok && x.old {
		x.c.watch.Stop()
		socket.SetLinger(0)
		x.c.nc.Close()
	}
}

// endPolitely tells a client that its session is over in the words that bring it back soonest: the close packet to the
// waiting polls of clients that take it, "unknown sid" to everybody else. The sid is buried, so that a straggling
// request of it is refused here.
func (x *exchange) endPolitely() bool {
	if !x.pinned() {
		return x.reply(badGateway)
	}
	if x.owned() {
		x.c.p.cfg.Sessions.Bury(x.decision.SID, buriedFor)
	}
	return x.sayOver()
}

// sayOver is the answer to a request whose session was ended here.
func (x *exchange) sayOver() bool {
	if !x.waits() || !x.takesClose {
		return x.reply(unknownSession(x.upgrade))
	}
	return x.closePoll()
}

// waits says that the request is a poll: its reply may rightly take long, and when it takes too long its session has ended.
func (x *exchange) waits() bool { return x.pinned() && x.method == "GET" && !x.upgrade }

// owned says that the backend that the request went to is its session's own: a preflight may have gone to any.
func (x *exchange) owned() bool {
	switch x.decision.Pin {
	case routing.PinTag, routing.PinLearned:
		return true
	case routing.PinSought:
		return x.search == nil || x.proved // a backend that is being asked is a guess
	}
	return false
}

// reply sends an answer of our own and says whether the connection can take another request.
func (x *exchange) reply(a answer) bool {
	x.noteStatus(a.status)
	if !x.bodyRead() {
		x.closing, x.c.linger = true, true
	}
	if x.c.p.draining.Load() || x.upgrade {
		x.closing = true
	}
	out := x.appendAnswer(takeBuffer(smallBuffer)[:0], a)
	defer giveBuffer(out)
	return x.c.write(out, x.c.p.cfg.BodyTimeout) == nil && !x.closing
}

// bodyRead skips what the client has sent of its request already, and says whether that is all of it: only then can
// the connection take another request.
func (x *exchange) bodyRead() bool {
	x.c.consume(x.headLen)
	x.headLen = 0
	for !x.req.Body.Done() {
		_, n, bad := x.req.Body.Next(x.c.buffered())
		if bad != nil || n == 0 {
			return false
		}
		x.c.consume(n)
	}
	return true
}

func (x *exchange) appendAnswer(dst []byte, a answer) []byte {
	dst = http1.AppendStatusLine(dst, a.status, http1.ReasonPhrase(a.status))
	dst = http1.AppendField(dst, "Content-Type", a.contentType)
	dst = http1.AppendLength(dst, int64(len(a.body)))
	dst = http1.AppendField(dst, "Cache-Control", "no-store")
	if a.status == http.StatusMethodNotAllowed {
		dst = http1.AppendField(dst, "Allow", http1.Allowed)
	}
	if a == crowded || a == overloaded {
		dst = http1.AppendField(dst, "Retry-After", retryAfter)
	}
	dst = appendCORS(dst, x.origin)
	dst = append(x.appendConnection(dst), "\r\n"...)
	if x.head {
		return dst
	}
	return append(dst, a.body...)
}

// appendCORS lets a page of another origin see the reply's status: without these fields a browser reports a network
// error instead (Fetch standard, section 3.2).
func appendCORS(dst, origin []byte) []byte {
	if len(origin) == 0 {
		return dst
	}
	dst = append(append(dst, "Access-Control-Allow-Origin: "...), origin...)
	return append(dst, "\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n"...)
}

// turnAway refuses a connection before anything is spent on it. A TLS client is not told why: that would take a
// handshake.
func (p *Proxy) turnAway(nc net.Conn) {
	var s stream
	s.init(nc)
	defer s.close()
	if p.cfg.TLS != nil || s.sock == nil {
		return
	}
	x := exchange{closing: true}
	s.sock.TryWrite(x.appendAnswer(nil, tooMany))
	closeWrite(nc)
	s.tryRead() // a request that is there already would have close send an RST
}
