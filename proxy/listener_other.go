//go:build !linux

package proxy

import "net"

// Unpolled returns ln: there is no event loop on this system.
func Unpolled(ln net.Listener) (net.Listener, error) { return ln, nil }
