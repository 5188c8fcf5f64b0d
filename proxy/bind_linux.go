package proxy

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// bindLate lets the kernel choose the local port of a dial from a given source address only when the destination is
// known: there are then 28,000 ports for each backend, not for all together.
func bindLate(network, _ string, c syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	return c.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
}
