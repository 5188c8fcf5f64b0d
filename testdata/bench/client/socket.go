//go:build linux

package client

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a blocking call waits; an answer that takes longer is a wrong one.
const patience = 10 * time.Second

// errAgain says that a socket that must not block has nothing to say, or takes nothing. It is temporary, so that TLS
// goes on where it was when it is asked again.
var errAgain net.Error = again{}

type again struct{}

func (again) Error() string   { return "nothing now" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

// socket is a TCP connection without the runtime's poller. It blocks, for as long as patience lasts, until setNonblock.
// It is a net.Conn as far as TLS needs one.
type socket struct {
	fd       int
	nonblock bool
}

func dial(addr *unix.SockaddrInet4) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	limit := unix.NsecToTimeval(int64(patience))
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	for {
		if err = unix.Connect(fd, addr); err == nil {
			return &socket{fd: fd}, nil
		}
		if err != unix.EINTR {
			unix.Close(fd)
			return nil, fmt.Errorf("connect to port %d: %w", addr.Port, err)
		}
	}
}

func (s *socket) setNonblock() error {
	s.nonblock = true
	return unix.SetNonblock(s.fd, true)
}

func (s *socket) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(s.fd, p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN && s.nonblock:
			return 0, errAgain
		case err == unix.EAGAIN:
			return 0, fmt.Errorf("no answer within %v", patience)
		case err != nil:
			return 0, fmt.Errorf("read: %w", err)
		case n == 0:
			return 0, errClosed
		default:
			return n, nil
		}
	}
}

var errClosed = errors.New("connection closed by the proxy")

// Write sends all of p. A socket that must not block waits for room all the same: what the load has under way on one
// connection always fits into the buffers on its way.
func (s *socket) Write(p []byte) (int, error) {
	for sent := 0; ; {
		n, err := unix.Write(s.fd, p[sent:])
		sent += max(n, 0)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN && s.nonblock:
			if err := s.awaitRoom(); err != nil {
				return sent, err
			}
		case err == unix.EAGAIN:
			return sent, fmt.Errorf("nothing taken within %v", patience)
		case err != nil:
			return sent, fmt.Errorf("write: %w", err)
		case sent == len(p):
			return sent, nil
		}
	}
}

func (s *socket) awaitRoom() error {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}}, int(patience/time.Millisecond))
	if n == 0 && err == nil {
		return fmt.Errorf("nothing taken within %v", patience)
	}
	if err != nil && err != unix.EINTR {
		return fmt.Errorf("poll: %w", err)
	}
	return nil
}

func (s *socket) Close() error { return unix.Close(s.fd) }

func (s *socket) LocalAddr() net.Addr              { return nil }
func (s *socket) RemoteAddr() net.Addr             { return nil }
func (s *socket) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (s *socket) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (s *socket) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
