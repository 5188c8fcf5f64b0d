//go:build unix

package proxy

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// netSocket is a socket that the runtime's poller waits for.
type netSocket struct{ raw syscall.RawConn }

// plainSocket returns what a connection is if that is a socket and nothing else; nil otherwise: a wrapper may well turn the
// socket's bytes into others.
func plainSocket(nc net.Conn) socket {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return nil
	}
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil
	}
	return &netSocket{raw}
}

func (s *netSocket) TryRead(p []byte) (n int, err error) {
	if e := s.raw.Control(func(fd uintptr) { n, err = retryEINTR(unix.Read, int(fd), p) }); e != nil {
		return 0, e
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	return max(n, 0), err
}

func (s *netSocket) TryWrite(p []byte) (n int, err error) {
	if e := s.raw.Control(func(fd uintptr) { n, err = retryEINTR(unix.Write, int(fd), p) }); e != nil {
		return 0, e
	}
	return max(n, 0), err
}

func (s *netSocket) AwaitRead() error {
	return s.raw.Read(func(fd uintptr) bool { return ready(fd, unix.POLLIN) })
}

func (s *netSocket) AwaitWrite() error {
	return s.raw.Write(func(fd uintptr) bool { return ready(fd, unix.POLLOUT) })
}

// ready says that an event, an error or an end has come.
func ready(fd uintptr, event int16) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: event}}, 0)
	return n != 0 || err != nil && err != unix.EINTR
}

func retryEINTR(call func(int, []byte) (int, error), fd int, p []byte) (int, error) {
	for {
		n, err := call(fd, p)
		if err != unix.EINTR {
			return n, err
		}
	}
}
