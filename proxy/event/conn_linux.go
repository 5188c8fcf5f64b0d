package event

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Read implements net.Conn.
func (s *Socket) Read(p []byte) (int, error) {
	for {
		if _, err := s.left(In); err != nil {
			return 0, err
		}
		n, err := s.TryRead(p)
		if err != unix.EAGAIN {
			return n, err
		}
		if err := s.AwaitRead(); err != nil {
			return 0, err
		}
	}
}

// Write implements net.Conn.
func (s *Socket) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if _, err := s.left(Out); err != nil {
			return n, err
		}
		m, err := s.TryWrite(p[n:])
		n += m
		if err == unix.EAGAIN {
			err = s.AwaitWrite()
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// CloseWrite sends a FIN.
func (s *Socket) CloseWrite() error {
	if !s.enter() {
		return net.ErrClosed
	}
	defer s.leave()
	return os.NewSyscallError("shutdown", ShutdownWrite(int(s.fd)))
}

// KeepAlive has the kernel probe a silent peer so often.
func (s *Socket) KeepAlive(every time.Duration) {
	if s.enter() {
		KeepAlive(int(s.fd), every)
		s.leave()
	}
}

// SetLinger has Close send an RST at once, as net.TCPConn's does for zero seconds.
func (s *Socket) SetLinger(seconds int) error {
	if !s.enter() {
		return net.ErrClosed
	}
	defer s.leave()
	return os.NewSyscallError("setsockopt", unix.SetsockoptLinger(int(s.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: int32(seconds)}))
}

// SetDeadline implements net.Conn.
func (s *Socket) SetDeadline(t time.Time) error {
	s.setDeadlines(In|Out, t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (s *Socket) SetReadDeadline(t time.Time) error {
	s.setDeadlines(In, t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (s *Socket) SetWriteDeadline(t time.Time) error {
	s.setDeadlines(Out, t)
	return nil
}

// LocalAddr implements net.Conn.
func (s *Socket) LocalAddr() net.Addr { return s.name(unix.Getsockname) }

// RemoteAddr implements net.Conn.
func (s *Socket) RemoteAddr() net.Addr { return s.name(unix.Getpeername) }

func (s *Socket) name(ask func(int) (unix.Sockaddr, error)) net.Addr {
	if !s.enter() {
		return &net.TCPAddr{}
	}
	defer s.leave()
	sa, err := ask(int(s.fd))
	if err != nil {
		return &net.TCPAddr{}
	}
	if named, ok := sa.(*unix.SockaddrUnix); ok {
		return &net.UnixAddr{Net: "unix", Name: named.Name}
	}
	return net.TCPAddrFromAddrPort(addrPortOf(sa))
}

// addrPortOf returns a socket's address in the form of package netip; the zero value for a Unix socket's.
func addrPortOf(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// SyscallConn implements syscall.Conn. Its Read and Write wait as Socket's do.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return rawSocket{s}, nil }

type rawSocket struct{ s *Socket }

func (r rawSocket) Control(fn func(uintptr)) error {
	if !r.s.enter() {
		return net.ErrClosed
	}
	defer r.s.leave()
	fn(uintptr(r.s.fd))
	return nil
}

func (r rawSocket) Read(fn func(uintptr) bool) error {
	return r.until(fn, In, r.s.AwaitRead)
}

func (r rawSocket) Write(fn func(uintptr) bool) error {
	return r.until(fn, Out, r.s.AwaitWrite)
}

func (r rawSocket) until(fn func(uintptr) bool, edge uint32, await func() error) error {
	for done := false; ; {
		r.s.edges.And(^edge)
		if err := r.Control(func(fd uintptr) { done = fn(fd) }); err != nil {
			return err
		}
		if done {
			r.s.edges.Or(edge) // fn may have left something
			return nil
		}
		if err := await(); err != nil {
			return err
		}
	}
}
