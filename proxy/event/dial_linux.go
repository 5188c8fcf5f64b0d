package event

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Prepare has a Socket take over fd, a non-blocking socket that is not to be connected yet. Connect, ConnectUnix or Loop.PostDial
// is what comes next, or Close.
func Prepare(l *Loop, fd int, s *Socket, owner Owner) {
	s.loop, s.fd, s.owner = l, fd, owner
	s.token = l.Enter(s)
}

// Connect begins to connect a socket that has been prepared to a TCP address. If the error is nil, the loop tells of edges from
// now on: the first Out says that the connect has ended, and Err how.
func (s *Socket) Connect(to netip.AddrPort) error {
	if !s.enter() {
		return net.ErrClosed
	}
	defer s.leave()
	var address sockaddr
	address.set(to)
	return s.connecting(to, connect(int32(s.fd), &address))
}

// connecting goes on when connect has returned. Like epoll_ctl(2) it must not come before: of a socket that nobody connects the
// kernel says that it has hung up.
func (s *Socket) connecting(to netip.AddrPort, e unix.Errno) error {
	switch e {
	case 0, unix.EINPROGRESS, unix.EINTR, unix.EALREADY:
	case unix.EAGAIN: // what a Ring says for EINPROGRESS
	default:
		return os.NewSyscallError("connect", e)
	}
	if localAddr(s.fd) == to {
		// The kernel has chosen the address that is dialled for the dialling socket itself, as it may where nobody listens at a
		// port of this machine: such a socket connects to itself, and keeps the backend from listening there again.
		return os.NewSyscallError("connect", unix.ECONNREFUSED)
	}
	return s.register()
}

// ConnectUnix is Connect to the Unix socket at a path, which is done at once.
func (s *Socket) ConnectUnix(path string) error {
	if !s.enter() {
		return net.ErrClosed
	}
	defer s.leave()
	if err := unix.Connect(s.fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return os.NewSyscallError("connect", err)
	}
	return s.register()
}
