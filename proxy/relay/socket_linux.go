package relay

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// receive reads what the socket has. n is 0 with no error at the end of the stream.
//
// It and send tell the runtime nothing, which is right for calls that cannot block (MSG_DONTWAIT makes sure of it,
// whatever the descriptor's flags) and saves waking the runtime's monitor thread for each message at low load.
func receive(fd int32, p []byte) (n int, err unix.Errno) {
	r, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
		unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// send writes what the socket takes at once, without a SIGPIPE if its peer is gone.
func send(fd int32, p []byte) (n int, err unix.Errno) {
	r, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// again says that a call could do nothing now and will be worth trying later.
func again(err unix.Errno) bool {
	return err == unix.EAGAIN || err == unix.EINTR || err == unix.ENOBUFS || err == unix.ENOMEM
}

// descriptors gets hold of the descriptors of a tunnel's connections, for a loop. Those of Sockets are taken out of them, also
// from below TLS; the runtime's poller, however, keeps watching a net.Conn until it is closed, and a socket cannot be taken out
// of one, so that others are duplicated, and closed. ok is false, and nothing has been touched, if a connection is something
// else or the process has no descriptors left.
func descriptors(t Tunnel, on *event.Loop) (sides [2]side, ok bool, err error) {
	conns := [2]net.Conn{client: t.Client, backend: t.Backend}
	if !carried(t.Client) || !carried(t.Backend) {
		return sides, false, nil
	}
	for i := range sides {
		sides[i].fd = -1
	}
	for i, c := range conns {
		if socketOf(c) != nil {
			continue
		}
		fd, err := event.Duplicate(c.(syscall.Conn))
		if err != nil {
			closeAll(sides, on)
			return sides, false, nil
		}
		sides[i].fd = int32(fd)
	}
	for i, c := range conns {
		if s := socketOf(c); s == nil {
			c.Close()
		} else if err = sides[i].take(s, on, t.OnLoop); err != nil {
			closeAll(sides, on)
			return sides, true, err
		}
	}
	for i, c := range conns {
		sides[i].speak(c)
	}
	return sides, true, nil
}

func closeAll(sides [2]side, on *event.Loop) {
	for i := range sides {
		if sides[i].token != 0 {
			on.Leave(sides[i].token)
		}
		if sides[i].fd >= 0 {
			unix.Close(int(sides[i].fd))
		}
	}
}

// take takes a Socket's descriptor, and notes if epoll watches it already. If the caller serves that loop, no event can be
// under way to the Socket: then its edges tell whether epoll has to look once more.
func (s *side) take(from *event.Socket, on *event.Loop, serves bool) (err error) {
	if s.fd, s.token, err = from.Take(on); s.token == 0 {
		return err
	}
	s.events = anyEvents
	if serves && from.Edges()&event.In == 0 {
		s.events = readEvents
	}
	return nil
}

// carried says that a loop can carry the connection.
func carried(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return socketOf(c) != nil
}

// socketOf returns the Socket that a connection is, or that it is TLS over; nil if it is something else.
func socketOf(c net.Conn) *event.Socket {
	switch c := c.(type) {
	case *event.Socket:
		return c
	case *event.TLS:
		return c.Socket()
	}
	return nil
}
