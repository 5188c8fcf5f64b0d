//go:build !unix

package relay

import (
	"net"
	"syscall"
)

// peeker does not exist on this system: a peer's leaving is noticed when the connection is next used.
type peeker struct{}

func newPeeker(*Relay, net.Conn, syscall.RawConn) *peeker { return nil }
func (*peeker) start(func())                              {}
func (*peeker) stop()                                     {}
