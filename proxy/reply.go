package proxy

import (
	"errors"
	"net/http"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

// deliver brings the final reply, whose head has been read, to the client. It settles what follows from it: the pin
// and the cookie of a handshake, and whether either connection serves on.
func (x *exchange) deliver() bool {
	if x.up.res.Status == http.StatusSwitchingProtocols {
		return x.tunnel()
	}
	out := x.beginReply()
	held, err := x.learn(&out)
	if err != nil {
		giveBuffer(out.buf)
		return x.fail(err)
	}
	return x.finishReply(out, held)
}

// beginReply gathers the reply's head, but for the lines that only finishReply can write. Whoever takes the outlet
// finishes it or gives its buffer back.
func (x *exchange) beginReply() outlet {
	x.up.noteKeepAlive()
	out := outlet{
		to:      &x.c.stream,
		timeout: x.c.p.cfg.BodyTimeout,
		buf:     x.appendReply(takeBuffer(x.up.headLen + forwardingRoom)[:0]),
		chunked: x.chunks(),
		sent:    &x.answered,
	}
	x.up.consume(x.up.headLen)
	return out
}

// finishReply sends the head, the bytes of the body that were held back, and what is left of it.
func (x *exchange) finishReply(out outlet, held []byte) bool {
	x.settle()
	if out.chunked {
		out.buf = append(out.buf, "Transfer-Encoding: chunked\r\n"...)
	}
	out.buf = append(x.appendConnection(out.buf), "\r\n"...)
	err := out.put(held)
	if err != nil {
		err = &clientError{err}
	} else {
		err = x.pipe(&out)
	}
	giveBuffer(out.buf)
	if err != nil {
		return x.fail(err)
	}
	x.returnUpstream()
	return !x.closing
}

// settle decides whether the client's connection ends with this reply.
func (x *exchange) settle() {
	res := &x.up.res
	x.noteStatus(res.Status)
	if x.c.p.draining.Load() || x.untilClose() || x.upgrade {
		x.closing = true
	}
	if x.upload != nil && !x.upload.read.Load() {
		x.closing, x.c.linger, x.early = true, true, true // the rest of the body is not wanted
	}
	if res.Status == http.StatusRequestTimeout {
		x.closing = true // RFC 9110 section 15.5.9: the backend has given up on what the client still sends
	}
}

// ofUnknownLength says that only the reply's end shows where its body ends.
func (x *exchange) ofUnknownLength() bool {
	framing := x.up.res.Body.Framing
	return framing == http1.Chunked || framing == http1.UntilClose
}

// chunks says that the client gets the body in chunks; an HTTP/1.0 client cannot (RFC 9112 section 7.1).
func (x *exchange) chunks() bool { return x.ofUnknownLength() && !x.old }

func (x *exchange) untilClose() bool { return x.ofUnknownLength() && x.old }

// pipe streams the body that is left. What has come is passed on before more is waited for, so that the parts of an
// event stream arrive when they are sent.
func (x *exchange) pipe(out *outlet) error {
	body := &x.up.res.Body
	for !body.Done() {
		data, err := x.nextReplyPart(out)
		if err != nil {
			return err
		}
		if len(data) == 0 && body.Framing == http1.UntilClose {
			break
		}
		if err := out.put(data); err != nil {
			return &clientError{err}
		}
	}
	if err := out.finish(); err != nil {
		return &clientError{err}
	}
	return nil
}

// nextReplyPart returns the next decoded bytes of the reply's body, valid until the next call; none at its end. Before
// it waits it flushes out, unless that is nil.
func (x *exchange) nextReplyPart(out *outlet) ([]byte, error) {
	for {
		data, err := x.up.nextBuffered()
		if err != nil || len(data) > 0 || x.up.res.Body.Done() {
			return data, err
		}
		if out != nil {
			if err := out.flush(); err != nil {
				return nil, &clientError{err}
			}
		}
		x.up.room(largeBuffer)
		if err := x.up.fill(x.pause()); isTimeout(err) && x.presume() {
			continue
		} else if err != nil {
			return nil, x.up.cut(err)
		}
	}
}

// pause is how long the backend may take for the next part of its reply. In a search others wait for it.
func (x *exchange) pause() time.Duration {
	if x.search != nil && !x.presumed {
		return presumeAfter
	}
	return x.c.p.cfg.IdleTimeout
}

// nextBuffered returns the next decoded bytes of the reply's body without waiting for any.
func (c *upConn) nextBuffered() ([]byte, error) {
	for !c.res.Body.Done() {
		data, n, bad := c.res.Body.Next(c.buffered())
		if bad != nil {
			return nil, bad
		}
		if c.consume(n); n == 0 || len(data) > 0 {
			return data, nil
		}
	}
	return nil, nil
}

// cut says what the end of the backend's connection means for the reply under way: nil if that is how it ends.
func (c *upConn) cut(err error) error {
	if !isEOF(err) {
		return err
	}
	if bad := c.res.Body.EOF(); bad != nil {
		return bad
	}
	return nil
}

// clientError marks a failure of the client's side, for which no backend is to blame.
type clientError struct{ err error }

func (e *clientError) Error() string { return e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

// returnUpstream gives the backend's connection back for another request, if it stands exactly at the end of its
// reply, and the request was sent whole.
func (x *exchange) returnUpstream() {
	sent := x.endUpload() && !x.early
	if !sent || !x.up.res.KeepAlive || !x.up.res.Body.Done() || len(x.up.buffered()) > 0 {
		x.dropUpstream()
		return
	}
	x.c.detach()
	x.up.home.put(x.up)
	x.up = nil
}

// noteKeepAlive reads how long the backend says that it keeps an idle connection.
func (c *upConn) noteKeepAlive() {
	c.keepFor = idleLife
	if seconds, ok := http1.KeepAliveSeconds(c.res.Value(http1.KeepAlive)); ok {
		c.keepFor = min(idleLife, time.Duration(seconds)*time.Second-keepAliveMargin)
	}
}

// outcome says what the end of an attempt tells about its backend.
func (x *exchange) outcome(err error) Outcome {
	var f *failure
	var bad *http1.Error
	switch {
	case err == nil && (x.up.res.Status < 502 || x.up.res.Status > 504):
		return Served
	case err == nil, errors.As(err, &bad), errors.Is(err, errUnaskedUpgrade), errors.Is(err, errInterim):
		return BadReply
	case outOfResources(err):
		return OwnError
	case !errors.As(err, &f):
		return Reset
	case f.phase == dialling && isTimeout(err):
		return DialTimeout
	case f.phase == dialling:
		return DialRefused
	case isTimeout(err):
		return BadReply
	}
	return Reset
}
