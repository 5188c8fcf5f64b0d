//go:build unix

package relay

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// openRaw makes the intake read the socket itself, if its connection is nothing but a socket.
func (in *intake) openRaw() bool {
	switch in.conn.(type) {
	case *net.TCPConn, *net.UnixConn, *event.Socket:
	default:
		return false
	}
	raw, err := in.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	in.raw, in.try = raw, in.tryRead
	return true
}

// tryRead reports false to be called again when there is something to read.
func (in *intake) tryRead(fd uintptr) bool {
	p := in.borrow()
	for {
		in.n, in.err = unix.Read(int(fd), p)
		if in.err != unix.EINTR {
			break
		}
	}
	if in.err == unix.EAGAIN {
		in.release()
		return false
	}
	return true
}
