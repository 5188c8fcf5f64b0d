package relay

import (
	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

func (s *side) index() int {
	if s == &s.tunnel.sides[client] {
		return client
	}
	return backend
}

func (s *side) other() *side { return &s.tunnel.sides[1-s.index()] }

// readable says whether s should be read now: not while bytes from it still wait for the other side.
func (s *side) readable() bool { return !s.eof && len(s.other().queue) == 0 }

// gone says that s neither sends nor takes anything any more, and that it was not the relay that ended it.
func (s *side) gone() bool { return s.eof && s.deaf && !s.tunnel.ending }

// send hands p to the kernel and queues what it does not take. Nothing may be queued when it is called.
func (s *side) send(p []byte) { s.keep(p, s.write(p)) }

// keep queues what the kernel did not take of p, of which it took n bytes.
func (s *side) keep(p []byte, n int) {
	if n < len(p) && !s.deaf && !s.shut {
		s.queue = append([]byte(nil), p[n:]...)
	}
}

// flush hands the kernel what is queued, and reports whether it took any of it.
func (s *side) flush() (moved bool) {
	before := s.kept()
	n := s.write(s.queue)
	moved = n > 0 || s.kept() < before
	if s.queue = s.queue[n:]; len(s.queue) == 0 || s.deaf {
		s.queue = nil
	}
	return moved
}

// write returns how much of p the kernel took.
func (s *side) write(p []byte) int {
	if len(p) == 0 || s.deaf || s.shut {
		return 0
	}
	return s.wrote(s.transmit(p))
}

// wrote notes what has come of a write, and returns how much the kernel took.
func (s *side) wrote(n int, err unix.Errno) int {
	if err != 0 && !again(err) {
		// Its socket has an end or an error to be read, but perhaps also last words: reading it goes on until then.
		s.deaf = true
		s.tunnel.blame(failedBy[s.index()])
		s.tunnel.expireIn(lingerTimeout)
	}
	s.tunnel.sent[s.index()].Add(int64(n))
	return n
}

// sendFIN tells the peer of s that nothing more comes.
func (s *side) sendFIN() {
	if s.shut || s.fd < 0 {
		return
	}
	s.shut = true
	s.farewell()
	event.ShutdownWrite(int(s.fd))
}

// enter makes the side known to the loop.
func (s *side) enter() {
	if s.token != 0 {
		s.tunnel.loop.Hand(s.token, s)
	} else {
		s.token = s.tunnel.loop.Enter(s)
	}
}

// register makes epoll report what s waits for now; what is so already is reported at once. A side that waits for nothing
// stays where it is: there is an edge for each thing that happens to it, and no more.
func (s *side) register() error {
	if s.fd < 0 {
		return nil
	}
	var want uint32
	if s.readable() {
		want = readEvents
	}
	switch {
	case len(s.queue) > 0, s.readable() && s.pending(): // in the latter case, for the loop to come by
		want |= writeEvents
	case s.tunnel.ending && s.eof: // the loop is to close it: over TLS, that it ends need not be a FIN
		want = readEvents | writeEvents
	case s.tunnel.ending:
		want = readEvents
	}
	if want == s.events {
		return nil
	}
	if want == 0 {
		s.events = anyEvents
		return nil
	}
	op := unix.EPOLL_CTL_MOD
	if s.events == 0 {
		op = unix.EPOLL_CTL_ADD
	}
	s.events = want
	return s.tunnel.loop.Control(op, int(s.fd), want, s.token)
}

// close takes the socket out of epoll and closes it.
func (s *side) close() {
	if s.fd < 0 {
		return
	}
	if !s.shut {
		s.farewell()
	}
	s.tunnel.loop.Leave(s.token)
	event.CloseFD(int(s.fd)) // the only descriptor of the socket, so epoll forgets it too
	s.fd, s.events, s.shut = -1, 0, true
}
