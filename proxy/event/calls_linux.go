package event

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Accept, Connect, NoDelay, CloseFD, ShutdownWrite and LocalAddr are called for every connection. None can block, so they tell the runtime
// nothing, as those of package unix do, and ask the kernel for no more than is wanted.

// Accept accepts from a non-blocking listening socket. The new one is non-blocking too; peer is the zero value for a Unix
// socket's.
func Accept(ln int) (fd int, peer netip.AddrPort, err error) {
	var sa unix.RawSockaddrAny
	size := uint32(unsafe.Sizeof(sa))
	n, _, e := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(ln), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if e != 0 {
		return -1, netip.AddrPort{}, e
	}
	return int(n), addrPort(&sa), nil
}

// Connect begins to connect a non-blocking TCP socket: EINPROGRESS says that it will be writable once that has ended, which
// SO_ERROR then tells about.
func Connect(fd int, to netip.AddrPort) error {
	if to.Addr().Is4() {
		sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
		return connect(fd, unsafe.Pointer(&sa), &sa.Port, to.Port(), unsafe.Sizeof(sa))
	}
	sa := unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16()}
	return connect(fd, unsafe.Pointer(&sa), &sa.Port, to.Port(), unsafe.Sizeof(sa))
}

func connect(fd int, sa unsafe.Pointer, raw *uint16, port uint16, size uintptr) error {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(raw))[:], port)
	if _, _, e := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(sa), size); e != 0 {
		return e
	}
	return nil
}

// NoDelay has the kernel send small writes at once (TCP_NODELAY).
func NoDelay(fd int) {
	on := int32(1)
	unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, uintptr(unsafe.Pointer(&on)),
		unsafe.Sizeof(on), 0)
}

// CloseFD closes a descriptor.
func CloseFD(fd int) { unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// ShutdownWrite sends a socket's FIN.
func ShutdownWrite(fd int) error {
	if _, _, e := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0); e != 0 {
		return e
	}
	return nil
}

// LocalAddr returns a socket's own address; the zero value for a Unix socket's.
func LocalAddr(fd int) netip.AddrPort {
	var sa unix.RawSockaddrAny
	size := uint32(unsafe.Sizeof(sa))
	_, _, e := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)))
	if e != 0 {
		return netip.AddrPort{}
	}
	return addrPort(&sa)
}

func addrPort(sa *unix.RawSockaddrAny) netip.AddrPort {
	switch sa.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), port(&in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr).Unmap(), port(&in.Port))
	}
	return netip.AddrPort{}
}

// port reads a port in network byte order.
func port(raw *uint16) uint16 { return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(raw))[:]) }

// epollCtl is epoll_ctl(2), of which the runtime need not know either.
func epollCtl(epoll, op, fd int, ev unix.EpollEvent) error {
	_, _, e := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epoll), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// Duplicate returns another descriptor of a connection's or listener's socket: the runtime's poller knows only the first, for
// as long as that is open.
func Duplicate(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	closed := raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err = cmp.Or(closed, os.NewSyscallError("fcntl", err)); err != nil {
		return -1, err
	}
	return fd, nil
}

// KeepAlive has the kernel probe a silent peer so often (tcp(7)), in whole seconds.
func KeepAlive(fd int, every time.Duration) {
	seconds := int(every.Seconds())
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds)
}
