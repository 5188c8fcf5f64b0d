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

// dialNow begins to connect c to the backend with a socket on an event loop. It returns errMustDial if the backend's
// address is a name. The socket is on the loop of near, if that is not nil.
func (u *upstream) dialNow(c *upConn, near *event.Socket) error {
	to, ok := u.target()
	if !ok {
		return errMustDial
	}
	fd, err := connect(u.network, u.addr, to, u.bindSource)
	if err == nil {
		err = c.adopt(pickLoop(u.loops, near), fd)
	}
	if err != nil {
		return u.dialFailed(err)
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

// connect begins to connect a new socket: to a TCP address, after bind, if that is not nil, or to the Unix socket at path.
func connect(network, path string, to netip.AddrPort, bind func(fd int) error) (fd int, err error) {
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
		err = os.NewSyscallError("connect", unix.Connect(fd, &unix.SockaddrUnix{Name: path}))
	} else {
		err = connectTCP(fd, to, bind)
	}
	if err != nil && !isInProgress(err) {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func connectTCP(fd int, to netip.AddrPort, bind func(fd int) error) error {
	event.NoDelay(fd)
	if bind != nil {
		if err := bind(fd); err != nil {
			return err
		}
	}
	err := event.Connect(fd, to)
	if err != unix.EINPROGRESS && err != nil || event.LocalAddr(fd) != to {
		return os.NewSyscallError("connect", err)
	}
	// The kernel has chosen the address that is dialled for the dialling socket itself, as it may where nobody listens at a
	// port of this machine: such a socket connects to itself, and keeps the backend from listening there again.
	return os.NewSyscallError("connect", unix.ECONNREFUSED)
}

func isInProgress(err error) bool {
	own, ok := err.(*os.SyscallError)
	return ok && (own.Err == unix.EINPROGRESS || own.Err == unix.EINTR)
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

// target returns the backend's address, unless that is a name to be looked up for each dial.
func (u *upstream) target() (to netip.AddrPort, ok bool) { return literal(u.network, u.addr) }

// literal returns the address that a dial goes to, unless that is a name to be looked up; the zero value for the path of a Unix
// socket.
func literal(network, addr string) (to netip.AddrPort, ok bool) {
	if network == "unix" {
		return netip.AddrPort{}, true
	}
	to, err := netip.ParseAddrPort(addr)
	if err != nil || to.Addr().Zone() != "" {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), true
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
