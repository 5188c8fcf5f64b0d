//go:build !linux

package relay_test

import (
	"crypto/tls"
	"net"
)

// loopTLS puts TLS over a connection: there is no loop.
func (*kit) loopTLS(near net.Conn, side func(net.Conn, *tls.Config) *tls.Conn, cfg *tls.Config) handshaker {
	return pairTLS{side(near, cfg)}
}

// loopSocket leaves the connection as it is.
func (*kit) loopSocket(near net.Conn) net.Conn { return near }

// onLoop just does it.
func (*kit) onLoop(do func()) { do() }

// postAll does nothing: no loop carries anything.
func (*kit) postAll() {}
