//go:build !linux

package proxy

import "net"

// rawSocket does not exist on this system.
type rawSocket struct{}

func (rawSocket) newConn(*Proxy) *conn { return nil }
func (rawSocket) begin(*conn)          {}
func (rawSocket) conn() net.Conn       { return nil }

// acceptor does not exist on this system.
type acceptor struct{}

func (p *Proxy) newAcceptor(net.Listener) *acceptor { return nil }
func (*acceptor) serve() error                      { return nil }
func (*acceptor) end()                              {}
