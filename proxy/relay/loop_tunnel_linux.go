package relay

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// loopTunnel is a tunnel on an epoll loop. Its sides and their descriptors are guarded by the tunnel's lock.
type loopTunnel struct {
	liveTunnel
	loop   *loop
	sides  [2]side
	posted bool // something is to be delivered, and the loop holds the lock until then
}

// side is one connection of a tunnel. Bytes are read from it only while nothing is queued for the other side.
type side struct {
	tunnel *loopTunnel
	queue  []byte     // for this side; the kernel did not take it yet
	tls    *event.TLS // over the descriptor; nil: in the clear
	token  event.Token
	fd     int32  // -1 when closed
	events uint32 // what epoll reports; 0 is not registered

	eof  bool // nothing more comes from it
	shut bool // its FIN is sent
	deaf bool // it takes nothing any more: what is meant for it is dropped
	bulk bool // it had much to say when it was last read
}

const (
	// readEvents are those of a side that is read. Edges (epoll(7), EPOLLET) save epoll a look at the socket after each of
	// them. Whoever gets one reads until nothing is left, of which a short read is proof enough, unless the end has come.
	readEvents  uint32 = unix.EPOLLIN | unix.EPOLLRDHUP | event.EdgeTriggered
	writeEvents uint32 = unix.EPOLLOUT | event.EdgeTriggered
	// anyEvents are those of a descriptor that epoll watches for other reasons as yet, or is to look at once more.
	anyEvents = ^uint32(0)
	// burst is how many times a side is read before others have their turn.
	burst = 4
)

// start carries spec if both its connections are sockets, or TLS over Sockets. done is false if it did nothing at all.
func (l *loop) start(spec Tunnel) (done bool, err error) {
	sides, ok, err := descriptors(spec, l.Loop)
	if !ok {
		return false, nil
	}
	if err != nil {
		closeBoth(spec)
		return true, err
	}
	t := &loopTunnel{loop: l, sides: sides}
	for i := range t.sides {
		t.sides[i].tunnel = t
	}
	entered, err := t.open(spec)
	if err != nil && entered {
		t.leave()
	}
	return true, err
}

// open makes the tunnel known, sends the early bytes and registers both sides. The lock is held throughout: whoever
// finds the tunnel, and the loop if the first side has an event at once, acts on it when it is complete.
func (t *loopTunnel) open(spec Tunnel) (entered bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.sides {
		t.sides[i].enter()
	}
	t.loop.share.tunnels.Add(1)
	if entered = t.enter(t.loop.relay, t, spec); !entered {
		t.shutDown()
		return false, ErrClosed
	}
	t.sides[client].send(spec.ToClient)
	t.sides[backend].send(spec.ToBackend)
	t.schedule()
	for i := range t.sides {
		if err := t.sides[i].register(); err != nil {
			t.closed, t.done = true, nil
			t.shutDown()
			return true, fmt.Errorf("relay: epoll_ctl: %w", err)
		}
	}
	return true, nil
}

// Ready is called by the loop when something happened to the side's socket.
func (s *side) Ready(events uint32) {
	t := s.tunnel
	l := t.loop // the one that calls; the tunnel may go to another one at any of the following
	if t.posted {
		l.deliver()
	}
	if t.step(l, s, events) {
		l.over = append(l.over, t)
		l.Behind(l.behind)
	}
}

// Joint implements event.Joint.
func (s *side) Joint() {}

// Fail implements event.Handler.
func (s *side) Fail() { s.tunnel.cut(Panicked) }

// step acts on events of s that l has got, and reports whether the tunnel is over. Where it has posted something, the rest is
// done when that is delivered, and the lock stays held.
func (t *loopTunnel) step(l *loop, s *side, events uint32) (over bool) {
	t.mu.Lock()
	defer func() {
		if !t.posted {
			t.mu.Unlock()
		}
	}()
	if t.closed || t.loop != l {
		return false
	}
	if len(s.queue) > 0 && events&^unix.EPOLLIN != 0 {
		t.flush(s)
		if o := s.other(); o.readable() && o.pending() {
			t.pump(o, false)
		}
	}
	if s.readable() && (events&^unix.EPOLLOUT != 0 || s.pending()) {
		t.pump(s, events&^(unix.EPOLLIN|unix.EPOLLOUT) != 0)
	}
	return !t.posted && t.conclude()
}

// conclude is what is done behind the events of a tunnel. It reports whether that is over.
func (t *loopTunnel) conclude() (over bool) {
	if t.settle() {
		return true
	}
	if to := t.loop.relief(); to != nil {
		return t.moveTo(to)
	}
	return false
}

// settle brings epoll up to date, or closes the tunnel if it is over.
func (t *loopTunnel) settle() (over bool) {
	c, b := &t.sides[client], &t.sides[backend]
	if c.gone() || b.gone() {
		t.failed(c.gone())
	}
	over = c.eof && b.eof && len(c.queue) == 0 && len(b.queue) == 0
	if !over && c.register() == nil && b.register() == nil {
		return false
	}
	t.blame(NoResources) // unless it is over
	t.closed = true
	return t.shutDown()
}

// pump moves what s has to the other side; ended says that the end of it, or an error, is among that.
func (t *loopTunnel) pump(s *side, ended bool) {
	for i := range burst {
		copied := !s.bulk
		n, err := t.move(s, ended)
		// Behind a part of a record TLS has not looked further, but there may be the end.
		unsure := s.tls != nil && ended && i == 0
		emptied := copied && n > 0 && n < len(t.loop.buf) && !s.pending()
		if err == unix.EAGAIN && !unsure || !t.goesOn(s, n, err) || emptied && !ended {
			return
		}
	}
	for s.pending() { // epoll knows of what is still in the socket only
		n, err := s.receiveRest(t.loop.buf)
		t.pass(s, n)
		if !t.goesOn(s, n, err) {
			return
		}
	}
	s.events = anyEvents
}

// move moves to the other side what one call gets of s: n is 0 with no error at its end. A little, of which nothing follows
// yet, may be posted instead.
func (t *loopTunnel) move(s *side, ended bool) (n int, err unix.Errno) {
	if s.bulk {
		if n, err = t.shift(s); !unspliced(err) {
			s.bulk = n >= bulkSize
			return n, err
		}
	}
	more := s.bulk // then it is read once more, and must not have left a letter
	n, err = s.receive(t.loop.buf)
	s.bulk = n >= bulkSize && s.tls == nil && s.other().tls == nil
	if more || ended || n == len(t.loop.buf) || s.pending() || !t.mail(s, n) {
		t.pass(s, n)
	}
	return n, err
}

// pass gives the other side what has been read of s.
func (t *loopTunnel) pass(s *side, n int) {
	if n > 0 {
		t.heard[s.index()].Store(int64(t.loop.Now()))
		s.other().send(t.loop.buf[:n])
	}
}

// goesOn sees to the end of s, if a reading has met it. It reports whether s may be read again.
func (t *loopTunnel) goesOn(s *side, n int, err unix.Errno) bool {
	switch {
	case n > 0:
	case err == 0:
		t.finished(s)
		return false
	case !again(err):
		t.failed(s.index() == client)
		return false
	}
	return s.readable()
}

// finished passes the end of what s sends on to the other side.
func (t *loopTunnel) finished(s *side) {
	t.blame(closedBy[s.index()])
	s.eof = true
	o := s.other()
	if len(o.queue) == 0 && (!o.eof || len(s.queue) > 0) { // else both sides are closed now, which sends the FIN as well
		o.sendFIN()
	}
	if !o.eof {
		t.expireIn(t.relay.halfClose)
	}
}

// failed ends a tunnel one of whose sides is broken. Only to a client is the end a polite one.
func (t *loopTunnel) failed(clientSide bool) {
	if !clientSide {
		t.endLocked(BackendFailed)
		return
	}
	t.blame(ClientFailed)
	for i := range t.sides {
		t.sides[i].eof, t.sides[i].queue = true, nil
	}
}

// flush sends what is queued for s, and then the FIN that was waiting behind it.
func (t *loopTunnel) flush(s *side) {
	o := s.other()
	if s.flush() {
		t.heard[o.index()].Store(int64(t.loop.Now())) // a slow reader is not idle
	}
	if len(s.queue) == 0 && o.eof {
		s.sendFIN()
	}
}

// hangUp implements carrier.
func (t *loopTunnel) hangUp() {
	c, b := &t.sides[client], &t.sides[backend]
	b.close()
	b.eof, b.deaf, b.queue = true, true, nil
	if len(c.queue) == 0 {
		c.sendFIN()
	}
	c.register()
}

// keepAlive implements carrier.
func (t *loopTunnel) keepAlive(every time.Duration) {
	event.KeepAlive(int(t.sides[backend].fd), every)
}

// shutDown implements carrier.
func (t *loopTunnel) shutDown() bool {
	for i := range t.sides {
		t.sides[i].close()
		t.sides[i].queue = nil
	}
	t.loop.share.tunnels.Add(-1)
	return true
}
