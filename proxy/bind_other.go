//go:build !linux

package proxy

import "syscall"

// bindLate has no counterpart here.
var bindLate func(network, address string, c syscall.RawConn) error
