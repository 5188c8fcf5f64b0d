package proxy

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// errAborted is what a wait on a stream returns once another goroutine has called abort.
var errAborted = errors.New("connection aborted")

// stream is one connection, to a client or to a backend, with the bytes read from it and not yet consumed.
//
// One goroutine reads it and one, possibly another, writes it; abort is anybody's. It holds a buffer only while there
// are bytes in it, and sets a deadline only when it has to wait: an exchange whose bytes are there costs neither.
type stream struct {
	nc    net.Conn     // the connection itself; its deadlines and Close may be used from any goroutine
	layer net.Conn     // what is read and written: nc, or TLS over it
	sock  event.Stream // layer, if that can do without waiting; nil: layer.Read and layer.Write serve

	in     *store // what has been read and not consumed; nil while that is nothing
	unsent *store // it goes before anything else; nil if that is nothing

	full   bool // the last read filled in: there is probably more
	onLoop bool // whoever has the stream must not wait: what is written becomes unsent

	aborted atomic.Bool // no more waits at all
	halted  atomic.Bool // no more waits for bytes to read
}

func (s *stream) init(nc net.Conn) {
	s.nc, s.layer = nc, nc
	if own, ok := nc.(*event.Socket); ok {
		s.sock = own
		return
	}
	s.sock = plainSocket(nc)
}

// onSocket says that an event loop tells what happens to the connection.
func (s *stream) onSocket() bool {
	_, ok := s.nc.(*event.Socket)
	return ok
}

// buffered returns the bytes that have been read and not consumed. They stay valid until the next call of fill,
// consume or release.
func (s *stream) buffered() []byte { return s.in.bytes() }

// consume drops the first n buffered bytes.
func (s *stream) consume(n int) {
	if s.in != nil {
		s.in.drop(n)
	}
}

// release gives the buffer back if nothing is in it.
func (s *stream) release() {
	if len(s.buffered()) == 0 {
		s.discard()
	}
}

// room makes space for more bytes in a buffer of at most limit bytes; fewer than that are unread. A stream that has
// filled its buffer gets the largest at once.
func (s *stream) room(limit int) {
	in := s.in
	switch {
	case in == nil:
	case in.w == 0 && s.full && len(in.buf) < limit:
		in.resize(limit)
	case in.w < len(in.buf):
	case in.r > 0:
		in.r, in.w = 0, copy(in.buf, in.bytes())
	default:
		in.resize(min(2*len(in.buf), limit))
	}
}

// fill reads once, waiting for at most timeout (0: for ever) for the first byte. The caller has called room.
func (s *stream) fill(timeout time.Duration) error {
	if s.aborted.Load() || s.halted.Load() {
		return errAborted
	}
	if s.sock == nil {
		return s.fillWrapped(timeout)
	}
	n, err := s.tryRead()
	if isAgain(err) {
		if err = s.readDeadline(timeout); err == nil {
			n, err = s.awaitRead()
		}
	}
	return s.took(n, err)
}

// tryRead reads into the buffer's free part, taking a buffer only once there are bytes for it: what waits holds none.
func (s *stream) tryRead() (int, error) {
	s.borrow()
	n, err := s.sock.TryRead(s.in.free())
	if n == 0 {
		s.release()
	}
	return n, err
}

// borrow has the stream have a buffer.
func (s *stream) borrow() {
	if s.in == nil {
		s.in = takeStore()
	}
}

func (s *stream) awaitRead() (n int, err error) {
	for {
		if err := s.sock.AwaitRead(); err != nil {
			return 0, err
		}
		if n, err = s.tryRead(); !isAgain(err) {
			return n, err
		}
	}
}

func (s *stream) fillWrapped(timeout time.Duration) error {
	s.borrow()
	if err := s.readDeadline(timeout); err != nil {
		return err
	}
	n, err := s.layer.Read(s.in.free())
	if n > 0 {
		err = nil
	}
	return s.took(n, err)
}

// fillNow is fill for a socket, without waiting: EAGAIN says that nothing is there.
func (s *stream) fillNow() error {
	if s.aborted.Load() || s.halted.Load() {
		return errAborted
	}
	return s.took(s.tryRead())
}

// isAgain says that there was nothing to be read.
func isAgain(err error) bool { return err == syscall.EAGAIN }

func (s *stream) took(n int, err error) error {
	if s.full = false; s.in != nil {
		s.in.w += n
		s.full = len(s.in.free()) == 0
	}
	return s.explain(err)
}

// explain tells a wait cut short by abort from one that ran out of time.
func (s *stream) explain(err error) error {
	if err != nil && (s.aborted.Load() || s.halted.Load()) {
		return errAborted
	}
	return err
}

// deadline arms a deadline for a wait that begins now. abort may have come before it: then it must not be undone.
func (s *stream) deadline(set func(time.Time) error, timeout time.Duration) error {
	var at time.Time
	if timeout > 0 {
		at = time.Now().Add(timeout)
	}
	if err := set(at); err != nil {
		return err
	}
	if s.aborted.Load() {
		return errAborted
	}
	return nil
}

func (s *stream) readDeadline(timeout time.Duration) error {
	err := s.deadline(s.nc.SetReadDeadline, timeout)
	if err == nil && s.halted.Load() {
		return errAborted
	}
	return err
}

// write sends all of p, waiting for at most timeout whenever the other side does not read.
func (s *stream) write(p []byte, timeout time.Duration) error {
	if s.aborted.Load() {
		return errAborted
	}
	if s.onLoop {
		s.keep(p)
		return nil
	}
	if s.unsent != nil {
		if err := s.sendUnsent(timeout); err != nil {
			return err
		}
	}
	for len(p) > 0 {
		n, err := s.writeSome(p, timeout)
		if p = p[n:]; err != nil {
			return s.explain(err)
		}
	}
	return nil
}

// writeSome sends what the other side takes of p, at least a byte, or for a wrapped connection up to 32 KiB.
func (s *stream) writeSome(p []byte, timeout time.Duration) (int, error) {
	if s.sock == nil {
		if err := s.deadline(s.nc.SetWriteDeadline, timeout); err != nil {
			return 0, err
		}
		return s.layer.Write(p[:min(len(p), largeBuffer)])
	}
	n, err := s.sock.TryWrite(p)
	if !isAgain(err) {
		return n, err
	}
	if err := s.deadline(s.nc.SetWriteDeadline, timeout); err != nil {
		return 0, err
	}
	for isAgain(err) {
		if err = s.sock.AwaitWrite(); err == nil {
			n, err = s.sock.TryWrite(p)
		}
	}
	return n, err
}

// keep leaves p to be sent by whoever has the loop send.
func (s *stream) keep(p []byte) {
	if len(p) == 0 {
		return
	}
	if s.unsent == nil {
		s.unsent = takeStore()
	}
	s.unsent.add(p)
}

// dropUnsent gives back the buffer of what has been sent.
func (s *stream) dropUnsent() {
	giveStore(s.unsent)
	s.unsent = nil
}

// post has the loop send p with what others have to say. It reports false, and does nothing, if p is to be sent at once.
func (s *stream) post(l *event.Loop, p []byte, by event.Poster) bool {
	own, ok := s.sock.(*event.Socket)
	return ok && l.Post(own, p, by)
}

// sendUnsent sends what the loop has not.
func (s *stream) sendUnsent(timeout time.Duration) error {
	rest := s.unsent
	s.unsent = nil
	defer giveStore(rest)
	return s.write(rest.bytes(), timeout)
}

// abort ends every wait on the stream, now and later, from any goroutine; its owner then closes it.
func (s *stream) abort() {
	s.aborted.Store(true)
	past := time.Unix(1, 0)
	s.nc.SetReadDeadline(past)
	s.nc.SetWriteDeadline(past)
}

// halt ends the waits for bytes to read, of the goroutine that reads; resume allows them again.
func (s *stream) halt() {
	s.halted.Store(true)
	s.nc.SetReadDeadline(time.Unix(1, 0))
}

func (s *stream) resume() { s.halted.Store(false) }

// discard gives the buffer back with whatever is in it.
func (s *stream) discard() {
	giveStore(s.in)
	s.in = nil
}

// close ends the connection and gives the buffer back, with whatever was in it.
func (s *stream) close() {
	s.layer.Close()
	s.discard()
}

// quiet says that an idle connection is open and that its peer has sent nothing since: surplus bytes or a FIN after a
// complete reply must never become the next request's answer. It reads rather than peeks, because a connection that
// has anything to say is dropped.
func (s *stream) quiet() bool {
	if s.sock == nil || len(s.buffered()) > 0 {
		return false
	}
	_, err := s.tryRead()
	return isAgain(err) && s.whole()
}

// isTimeout says that the peer stayed silent, or did not read, for too long.
func isTimeout(err error) bool {
	var other net.Error // what a dial or a TLS handshake returns
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &other) && other.Timeout()
}
