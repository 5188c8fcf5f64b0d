//go:build unix

package proxy

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// netSocket is a socket that the runtime's poller waits for. Each direction is for one goroutine at a time.
type netSocket struct {
	raw         syscall.RawConn
	read, write netCall
}

// netCall is one system call's worth of reading or writing; a closure for each would allocate.
type netCall struct {
	p     []byte
	n     int
	err   error
	try   func(fd uintptr)
	ready func(fd uintptr) bool
}

// plainSocket returns what a connection is if that is a socket and nothing else; nil otherwise: a wrapper may well turn the
// socket's bytes into others.
func plainSocket(nc net.Conn) event.Stream {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return nil
	}
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil
	}
	s := &netSocket{raw: raw}
	s.read.init(unix.Read, unix.POLLIN)
	s.write.init(unix.Write, unix.POLLOUT)
	return s
}

func (c *netCall) init(call func(int, []byte) (int, error), event int16) {
	c.try = func(fd uintptr) { c.n, c.err = retryEINTR(call, int(fd), c.p) }
	fds := make([]unix.PollFd, 1)
	c.ready = func(fd uintptr) bool {
		fds[0] = unix.PollFd{Fd: int32(fd), Events: event}
		n, err := unix.Poll(fds, 0)
		return n != 0 || err != nil && err != unix.EINTR // an event, an error or an end has come
	}
}

func (s *netSocket) do(c *netCall, p []byte) (int, error) {
	c.p, c.n, c.err = p, 0, nil
	err := s.raw.Control(c.try)
	c.p = nil
	if err == nil {
		err = c.err
	}
	return max(c.n, 0), err
}

func (s *netSocket) TryRead(p []byte) (int, error) {
	n, err := s.do(&s.read, p)
	if err == nil && n == 0 {
		err = io.EOF
	}
	return n, err
}

func (s *netSocket) TryWrite(p []byte) (int, error) { return s.do(&s.write, p) }

func (s *netSocket) AwaitRead() error { return s.raw.Read(s.read.ready) }

func (s *netSocket) AwaitWrite() error { return s.raw.Write(s.write.ready) }

func retryEINTR(call func(int, []byte) (int, error), fd int, p []byte) (int, error) {
	for {
		n, err := call(fd, p)
		if err != unix.EINTR {
			return n, err
		}
	}
}
