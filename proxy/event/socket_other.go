//go:build !linux

package event

import "net"

// Socket does not exist on this system: nothing makes one.
type Socket struct{ net.Conn }
