package proxy

import (
	"sync/atomic"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// heldBody is the length up to which a request's body is read before the backend is troubled: it then goes out with
// the head in one write, and a client that is slow to send it holds no upstream connection.
const heldBody = 16 << 10

var continueReply = []byte(http1.Continue)

// collect serialises the request into wire and reads its body if that is short; a longer one is left to be streamed.
// It answers an expectation first, now that the request has been admitted and placed.
func (x *exchange) collect() error {
	x.serialise()
	body := &x.req.Body
	if x.req.Expect {
		if err := x.c.write(continueReply, x.c.p.cfg.BodyTimeout); err != nil {
			return err
		}
	}
	if body.Framing == http1.Chunked || body.Length > heldBody {
		x.upload = newUpload(x.c, body)
		return nil
	}
	head := len(x.wire)
	for !body.Done() {
		data, err := x.c.nextPart(body)
		if err != nil {
			return err
		}
		x.wire = append(x.wire, data...)
	}
	x.leaves = x.pinned() && x.method == "POST" && engineio.EndsSession(x.wire[head:], x.query.EIO)
	x.c.release()
	return nil
}

// holdBody serialises the request and reads all of its body, so that it can be sent to one backend after the other. A
// session whose body is too large, too slow, or one too many to be held cannot be searched for.
func (x *exchange) holdBody() error {
	if err := x.collect(); err != nil || x.upload == nil {
		return err
	}
	began := time.Now()
	body, framed := x.upload.body, outlet{buf: x.wire, chunked: x.upload.chunked}
	x.upload = nil
	for !body.Done() {
		data, err := x.c.nextPart(body)
		if err != nil {
			return err
		}
		n := int64(len(data))
		if x.heldSize+n > maxHeldBody || time.Since(began) > x.c.p.cfg.BodyTimeout || !x.c.p.heldBodies.take(x.client, n) {
			x.closing, x.c.linger = true, true
			return routing.ErrUnknownSession
		}
		x.heldSize += n
		framed.gather(data)
	}
	framed.gatherEnd()
	x.wire = framed.buf
	return nil
}

// serialise writes the head as the backend is to see it into wire and consumes it: from here on the client's buffer
// belongs to the body.
func (x *exchange) serialise() {
	room := x.headLen + forwardingRoom
	if n := x.req.Body.Length; n <= heldBody {
		room += int(n)
	}
	x.wire = x.appendRequest(takeBuffer(room)[:0])
	x.c.consume(x.headLen)
	x.headLen = 0
}

// forwardingRoom is about what appendRequest adds to a head.
const forwardingRoom = 512

// nextPart returns the next decoded bytes of a body that the client sends; they are valid until the next call. The
// error is an *http1.Error if the client is to be told.
func (c *conn) nextPart(body *http1.Body) ([]byte, error) {
	for {
		data, n, bad := body.Next(c.buffered())
		if bad != nil {
			return nil, bad
		}
		if n > 0 {
			c.consume(n)
			return data, nil
		}
		c.room(largeBuffer)
		if err := c.fill(c.p.cfg.BodyTimeout); err != nil {
			if isTimeout(err) {
				return nil, errSlowBody
			}
			return nil, err
		}
	}
}

var errFault = &http1.Error{Status: 500, Line: "internal error", Close: true}

var errSlowBody = &http1.Error{Status: 408, Line: "request body took too long", Close: true}

// upload streams a body that is not held to the backend, in a goroutine of its own, since the backend may answer
// before it has read all of it.
type upload struct {
	c       *conn
	up      *upConn
	body    *http1.Body
	chunked bool
	done    chan struct{} // closed when the goroutine has ended
	read    atomic.Bool   // the client has sent all of the body
	whole   atomic.Bool   // the backend has been sent all of it
	fault   *http1.Error  // what was wrong with the client's body; read after done
}

func newUpload(c *conn, body *http1.Body) *upload {
	return &upload{c: c, body: body, chunked: body.Framing == http1.Chunked, done: make(chan struct{})}
}

func (u *upload) start(up *upConn) {
	u.up = up
	go u.run()
}

// run ends when the body has been sent, when the client fails to send it, or when stop is called.
func (u *upload) run() {
	defer close(u.done)
	defer u.c.p.recovered("sending a request body", func() {
		u.fault = errFault
		u.up.abort()
	})
	out := outlet{to: &u.up.stream, timeout: u.c.p.cfg.BodyTimeout, buf: takeBuffer(smallBuffer)[:0], chunked: u.chunked}
	defer func() { giveBuffer(out.buf) }()
	for !u.body.Done() {
		data, err := u.c.nextPart(u.body)
		if err != nil {
			if u.fault, _ = err.(*http1.Error); u.fault == nil && err != errAborted {
				u.c.gone.Store(true)
			}
			u.up.abort() // a body cut short must never look whole
			return
		}
		if u.body.Done() {
			u.read.Store(true) // before its last bytes leave, and so before any answer to the whole of it
		}
		if out.put(data) != nil || len(u.c.buffered()) == 0 && out.flush() != nil {
			return // the backend may have answered all the same: whoever reads its reply finds out
		}
	}
	if out.finish() == nil {
		u.whole.Store(true)
		u.c.watch.Arm() // nobody else would notice any longer that the client leaves
	}
}

// uploading says that the client is still sending its body, as slowly as BodyTimeout lets it: the backend's time to
// answer has not begun.
func (x *exchange) uploading() bool {
	if x.upload == nil {
		return false
	}
	select {
	case <-x.upload.done:
		return false
	default:
		return true
	}
}

// uploadGrace is how long the last bytes of a body that the client has sent whole may take to leave, once the backend
// has answered: it may have stopped reading.
const uploadGrace = time.Second

// settle waits, for a while, until the goroutine has sent what it has read.
func (u *upload) settle() {
	late := time.NewTimer(uploadGrace)
	defer late.Stop()
	select {
	case <-u.done:
	case <-late.C:
	}
}

// endUpload ends an upload that has become pointless and waits for its goroutine. It reports whether the body was sent
// whole.
func (x *exchange) endUpload() bool {
	u := x.upload
	if u == nil || u.up == nil {
		return u == nil
	}
	if u.read.Load() {
		u.settle()
	}
	if !u.whole.Load() {
		u.up.abort()
		u.c.halt()
	}
	<-u.done
	u.c.resume()
	return u.whole.Load()
}
