package event

import (
	"cmp"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The edges of a Socket: what has happened to it since somebody last acted on it.
const (
	In  uint32 = 1 << iota // there may be bytes to be read, or the end
	Out                    // it may take bytes
	Hup                    // the peer's FIN or RST has come; never undone
)

// Socket is a connected, non-blocking stream socket on a Loop. It is registered once, for edges (epoll(7), EPOLLET), and
// can then be used in two ways, by turns: TryRead and TryWrite do what can be done at once, and the loop tells the owner
// when there is more to do; or a goroutine uses it as the net.Conn that it also is.
//
// One goroutine may read while another writes. Close, and the deadlines, are anybody's.
type Socket struct {
	loop  *Loop
	owner Owner // told of edges
	token Token
	waits atomic.Pointer[waits]
	fd    int32
	edges atomic.Uint32
	users atomic.Int32 // calls under way, times two, plus one once closed, or plus taken
}

// Owner is told, on the loop's goroutine, of each edge of its socket. It must not block.
type Owner interface {
	Edge(s *Socket, edges uint32)
}

// waits is what goroutines need that wait on a socket. One that only its loop has to do with has none.
type waits struct{ reader, writer waiter }

// waiter is the place of the one goroutine that waits for an edge.
type waiter struct {
	deadline atomic.Int64                  // when the wait ends, in nanoseconds since began; 0: never
	wake     atomic.Pointer[chan struct{}] // has room for one; nil while nobody has ever waited
}

// NewSocket registers fd, a non-blocking socket that is connected or about to be, and takes it over; it is closed if that
// fails. owner may have been told of an edge before NewSocket returns.
func NewSocket(l *Loop, fd int, s *Socket, owner Owner) error {
	s.loop, s.fd, s.owner = l, int32(fd), owner
	s.token = l.Enter(s)
	err := error(net.ErrClosed)
	l.WhileOpen(func() {
		err = l.Control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|EdgeTriggered, s.token)
	})
	if err != nil {
		l.Leave(s.token)
		unix.Close(fd)
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

// Ready implements Handler.
func (s *Socket) Ready(events uint32) {
	var edges uint32
	if events&unix.EPOLLIN != 0 {
		edges |= In
	}
	if events&unix.EPOLLOUT != 0 {
		edges |= Out
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		edges |= In | Out | Hup
	}
	s.edges.Or(edges)
	s.rouse(edges)
	s.owner.Edge(s, edges)
}

// Fail implements Handler: the owner's Edge has panicked, and there is nobody left to serve the connection.
func (s *Socket) Fail() { s.Close() }

// Edges returns what has happened and was not acted on. Reading until nothing is left takes In back, writing until the
// socket is full takes Out back.
func (s *Socket) Edges() uint32 { return s.edges.Load() }

// remind has the socket seem to have something to be read: whoever is layered over it has.
func (s *Socket) remind() { s.edges.Or(In) }

// TryRead reads what is there: EAGAIN says nothing is, io.EOF that nothing ever will be.
func (s *Socket) TryRead(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !s.enter() {
		return 0, net.ErrClosed
	}
	defer s.leave()
	s.edges.And(^In)
	for {
		n, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case e == unix.EINTR:
			continue
		case e != 0:
			if e != unix.EAGAIN {
				s.edges.Or(In) // it stays broken
			}
			return 0, e
		case n == 0:
			s.edges.Or(In | Hup)
			return 0, io.EOF
		case int(n) == len(p) || s.edges.Load()&Hup != 0: // there may be more: a shorter read has emptied it
			s.edges.Or(In)
		}
		return int(n), nil
	}
}

// TryWrite writes what the socket takes: EAGAIN says that it takes nothing now.
func (s *Socket) TryWrite(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !s.enter() {
		return 0, net.ErrClosed
	}
	defer s.leave()
	s.edges.And(^Out)
	for {
		n, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return 0, e
		}
		return int(n), nil
	}
}

// AwaitRead waits for In; the error is os.ErrDeadlineExceeded or net.ErrClosed.
func (s *Socket) AwaitRead() error { return s.await(&s.waiting().reader, In) }

// AwaitWrite waits for Out.
func (s *Socket) AwaitWrite() error { return s.await(&s.waiting().writer, Out) }

// waiting returns the socket's waits, which it has from now on.
func (s *Socket) waiting() *waits {
	if w := s.waits.Load(); w != nil {
		return w
	}
	s.waits.CompareAndSwap(nil, new(waits))
	return s.waits.Load()
}

// rouse has those look again who wait for one of the edges.
func (s *Socket) rouse(edges uint32) {
	w := s.waits.Load()
	if w == nil {
		return
	}
	if edges&In != 0 {
		w.reader.rouse()
	}
	if edges&Out != 0 {
		w.writer.rouse()
	}
}

func (s *Socket) await(w *waiter, edge uint32) error {
	wake := w.wake.Load()
	if wake == nil {
		room := make(chan struct{}, 1)
		wake = &room
		w.wake.Store(wake)
	}
	for {
		left, err := w.left()
		switch {
		case s.users.Load()&1 != 0:
			return net.ErrClosed
		case err != nil:
			return err
		case s.edges.Load()&edge != 0:
			return nil
		case left == 0:
			<-*wake
		default:
			timer := time.NewTimer(left)
			select {
			case <-*wake:
			case <-timer.C:
			}
			timer.Stop()
		}
	}
}

// began is what deadlines are kept relative to, so that a wall clock that is set does not move them.
var began = time.Now()

// left is how much time a wait has; zero is no limit.
func (w *waiter) left() (time.Duration, error) {
	at := w.deadline.Load()
	if at == 0 {
		return 0, nil
	}
	left := time.Duration(at) - time.Since(began)
	if left <= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return left, nil
}

// left is how much time a wait for that edge has.
func (s *Socket) left(edge uint32) (time.Duration, error) {
	w := s.waits.Load()
	switch {
	case w == nil:
		return 0, nil
	case edge == In:
		return w.reader.left()
	}
	return w.writer.left()
}

// setDeadlines sets when waits for those edges end; the zero time: never.
func (s *Socket) setDeadlines(edges uint32, t time.Time) {
	if t.IsZero() && s.waits.Load() == nil {
		return
	}
	w := s.waiting()
	if edges&In != 0 {
		w.reader.set(t)
	}
	if edges&Out != 0 {
		w.writer.set(t)
	}
}

// rouse has the waiting goroutine look again.
func (w *waiter) rouse() {
	if wake := w.wake.Load(); wake != nil {
		select {
		case *wake <- struct{}{}:
		default:
		}
	}
}

func (w *waiter) set(t time.Time) {
	at := int64(0)
	if !t.IsZero() {
		at = cmp.Or(int64(t.Sub(began)), 1)
	}
	w.deadline.Store(at)
	w.rouse()
}

// enter begins a use of the descriptor, which leave ends: meanwhile Close does not let go of its number.
func (s *Socket) enter() bool {
	if s.users.Add(2)&1 == 0 {
		return true
	}
	s.leave()
	return false
}

func (s *Socket) leave() {
	if s.users.Add(-2) == 1 {
		s.drop()
	}
}

// Close implements net.Conn. Closing again does nothing.
func (s *Socket) Close() error {
	for {
		users := s.users.Load()
		if users&1 != 0 {
			return net.ErrClosed
		}
		if s.users.CompareAndSwap(users, users|1) {
			break
		}
	}
	s.rouse(In | Out)
	if s.users.Load() == 1 {
		s.drop()
	}
	return nil
}

// drop closes the descriptor, once: whoever was the last to leave and whoever closed may both get here.
func (s *Socket) drop() {
	if s.loop.Leave(s.token) {
		CloseFD(int(s.fd)) // the only descriptor of the socket, so epoll forgets it too
	}
}

// Loop is the loop that the socket is on.
func (s *Socket) Loop() *Loop { return s.loop }

// taken is what users is, without calls under way, once the descriptor is somebody else's: the last of them to end must not
// close it.
const taken = 1<<30 + 1

// Take gives the descriptor to the caller, who must be the only user; the Socket is closed. If it is on that loop, epoll
// still watches the descriptor there, under t: the caller is to Hand that on, or to Leave it. Otherwise t is zero.
func (s *Socket) Take(on *Loop) (fd int32, t Token, err error) {
	if !s.users.CompareAndSwap(0, taken) {
		return -1, 0, net.ErrClosed
	}
	if s.loop == on {
		return s.fd, s.token, nil
	}
	s.loop.Leave(s.token)
	s.loop.WhileOpen(func() { s.loop.Control(unix.EPOLL_CTL_DEL, int(s.fd), 0, 0) })
	return s.fd, 0, nil
}

// Err returns why the socket has failed, and how a connect that was under way has ended; nil: it has not, or well.
func (s *Socket) Err() error {
	if !s.enter() {
		return net.ErrClosed
	}
	defer s.leave()
	var n, size int32 = 0, 4
	_, _, e := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&n)), uintptr(unsafe.Pointer(&size)), 0)
	if e == 0 {
		e = syscall.Errno(n)
	}
	if e == 0 {
		return nil
	}
	return os.NewSyscallError("connect", e)
}
