package proxy

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// dialSocket connects c to the backend with a socket on an event loop.
func (u *upstream) dialSocket(c *upConn, timeout time.Duration) error {
	until := time.Now().Add(timeout)
	err := u.dialNow(c, nil)
	if err == errMustDial {
		return u.dialNamed(c, timeout)
	}
	if err != nil {
		return err
	}
	c.own.SetWriteDeadline(until)
	if err = c.own.AwaitWrite(); err == nil {
		err = c.own.Err()
	}
	if err != nil {
		c.close()
		return u.dialFailed(err)
	}
	return nil
}

// dialNow begins to connect c to the backend with a socket on an event loop.
func (u *upstream) dialNow(c *upConn, near *event.Socket) error {
	err := u.prepare(c, near)
	if err == nil {
		err = c.connect()
	}
	return err
}

// prepare gives c a socket, to be connected, on an event loop: that of near, if that is not nil. It returns errMustDial if the
// backend's address is a name.
func (u *upstream) prepare(c *upConn, near *event.Socket) error {
	if u.network != "unix" && !u.to.IsValid() {
		return errMustDial
	}
	fd, err := newSocket(u.network, u.to, u.bindSource)
	if err != nil {
		return u.dialFailed(err)
	}
	event.Prepare(pickLoop(u.loops, near), fd, &c.own, c)
	c.init(&c.own)
	return nil
}

// connect begins to connect a connection that has been prepared, which it closes if that fails.
func (c *upConn) connect() error {
	if err := connect(&c.own, c.home.addr, c.home.to); err != nil {
		c.close()
		return c.home.dialFailed(err)
	}
	return nil
}

func (u *upstream) dialFailed(err error) error {
	return &net.OpError{Op: "dial", Net: u.network, Err: err}
}

// adopt has the connection use a socket that is its own from now on.
func (c *upConn) adopt(l *event.Loop, fd int) error {
	if err := event.NewSocket(l, fd, &c.own, c); err != nil {
		return err
	}
	c.init(&c.own)
	return nil
}

// connect begins to connect a prepared socket to a TCP address, or to the Unix socket at path if that is the zero value.
func connect(s *event.Socket, path string, to netip.AddrPort) error {
	if !to.IsValid() {
		return s.ConnectUnix(path)
	}
	return s.Connect(to)
}

// newSocket makes a socket for a Unix socket or a TCP address, and has bind see it, if that is not nil.
func newSocket(network string, to netip.AddrPort, bind func(fd int) error) (fd int, err error) {
	family := unix.AF_INET
	switch {
	case network == "unix":
		family = unix.AF_UNIX
	case to.Addr().Is6():
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if family == unix.AF_UNIX {
		return fd, nil
	}
	event.NoDelay(fd)
	if bind != nil {
		if err := bind(fd); err != nil {
			unix.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

// bindSource binds the socket to the configured source address, if there is one, and leaves the choice of a port to connect.
func (u *upstream) bindSource(fd int) error {
	source, ok := u.dialer.LocalAddr.(*net.TCPAddr)
	if !ok {
		return nil
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	return os.NewSyscallError("bind", unix.Bind(fd, inetSockaddr(source.AddrPort())))
}

func inetSockaddr(a netip.AddrPort) unix.Sockaddr {
	if addr := a.Addr().Unmap(); addr.Is4() {
		return &unix.SockaddrInet4{Addr: addr.As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// dialNamed looks the backend's name up, connects with the runtime's means, and takes the socket from there.
func (u *upstream) dialNamed(c *upConn, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	nc, err := u.dialer.DialContext(ctx, u.network, u.addr)
	if err != nil {
		return err
	}
	defer nc.Close()
	fd, err := event.Duplicate(nc.(syscall.Conn))
	if err != nil {
		return err
	}
	return c.adopt(pickLoop(u.loops, nil), fd)
}
