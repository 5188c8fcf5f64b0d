package proxy

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// Unpolled takes ln over, a TCP or Unix listener, and returns a listener at the same socket that the runtime's poller does
// not know: it would wake a thread for every connection that comes to ln, to find that the event loop accepts it. Only Serve
// accepts from it, and not with Config.Loops below zero. Its Close does not remove the path of a Unix socket unless
// SetUnlinkOnClose(true) was called. Other listeners, and all on other systems, are returned as they are.
func Unpolled(ln net.Listener) (net.Listener, error) {
	switch ln := ln.(type) {
	case *net.UnixListener:
		ln.SetUnlinkOnClose(false)
	case *net.TCPListener:
	default:
		return ln, nil
	}
	own, err := event.Duplicate(ln.(syscall.Conn))
	if err != nil {
		return nil, err
	}
	if err := ln.Close(); err != nil {
		unix.Close(own)
		return nil, err
	}
	return &unpolled{addr: ln.Addr(), fd: own}, nil
}

// unpolled is a listening socket and its only user. It is its own syscall.RawConn, of which only Control works.
type unpolled struct {
	addr net.Addr

	mu     sync.RWMutex // held for reading while the descriptor is used
	fd     int          // -1: closed
	unlink bool
}

// Accept implements net.Listener; only an acceptor accepts.
func (l *unpolled) Accept() (net.Conn, error) { return nil, errNoLoop }

func (l *unpolled) Addr() net.Addr { return l.addr }

// SetUnlinkOnClose says whether Close removes the path of a Unix socket.
func (l *unpolled) SetUnlinkOnClose(unlink bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unlink = unlink
}

func (l *unpolled) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd < 0 {
		return net.ErrClosed
	}
	if l.unlink && l.addr.Network() == "unix" {
		os.Remove(l.addr.String())
	}
	err := unix.Close(l.fd)
	l.fd = -1
	return os.NewSyscallError("close", err)
}

// SyscallConn implements syscall.Conn.
func (l *unpolled) SyscallConn() (syscall.RawConn, error) { return l, nil }

func (l *unpolled) Control(fn func(fd uintptr)) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.fd < 0 {
		return net.ErrClosed
	}
	fn(uintptr(l.fd))
	return nil
}

func (l *unpolled) Read(func(uintptr) bool) error  { return errors.ErrUnsupported }
func (l *unpolled) Write(func(uintptr) bool) error { return errors.ErrUnsupported }
