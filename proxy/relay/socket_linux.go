package relay

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receive reads what the socket has. n is 0 with no error at the end of the stream.
//
// It and send tell the runtime nothing, which is right for calls that cannot block (MSG_DONTWAIT makes sure of it,
// whatever the descriptor's flags) and saves waking the runtime's monitor thread for each message at low load.
func receive(fd int32, p []byte) (n int, err unix.Errno) {
	r, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
		unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// send writes what the socket takes at once, without a SIGPIPE if its peer is gone.
func send(fd int32, p []byte) (n int, err unix.Errno) {
	r, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// again says that a call could do nothing now and will be worth trying later.
func again(err unix.Errno) bool {
	return err == unix.EAGAIN || err == unix.EINTR || err == unix.ENOBUFS || err == unix.ENOMEM
}

// descriptors duplicates the descriptors of a tunnel's connections. The runtime's poller keeps watching a connection
// until it is closed, and a socket cannot be taken out of a net.Conn in another way. ok is false, and nothing is left
// open, if a connection is not a plain TCP or Unix one or the process has no descriptors left.
func descriptors(t Tunnel) (fds [2]int32, ok bool) {
	a, ok := duplicate(t.Client)
	if !ok {
		return fds, false
	}
	b, ok := duplicate(t.Backend)
	if !ok {
		unix.Close(a)
		return fds, false
	}
	return [2]int32{client: int32(a), backend: int32(b)}, true
}

func duplicate(c net.Conn) (fd int, ok bool) {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return -1, false
	}
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, false
	}
	fd = -1
	raw.Control(func(own uintptr) {
		fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
	})
	return fd, fd >= 0 && err == nil
}
