//go:build linux || darwin

package handover

import (
	"errors"
	"net"
)

// peerUser returns the effective user of the process at the other end, as of its connect or listen.
func peerUser(c *net.UnixConn) (uid int, known bool, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { uid, failed = userAt(int(fd)) })
	if err = errors.Join(err, failed); err != nil {
		return 0, false, err
	}
	return uid, true, nil
}
