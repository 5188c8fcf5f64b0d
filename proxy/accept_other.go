//go:build !linux

package proxy

import "net"

// acceptor does not exist on this system.
type acceptor struct{}

func (p *Proxy) newAcceptor(net.Listener) *acceptor { return nil }
func (*acceptor) serve() error                      { return nil }
func (*acceptor) end()                              {}
