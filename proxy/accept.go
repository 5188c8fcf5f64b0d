package proxy

import "net"

// accepted is a connection that a client has just opened.
type accepted interface {
	// newConn makes the connection's record; nothing happens on it before begin.
	newConn(*Proxy) *conn
	// begin has the connection served.
	begin(*conn)
	// conn returns the connection as a net.Conn; nil if that fails, and then it is closed.
	conn() net.Conn
}

// acceptedConn is what a listener has returned; a goroutine serves it.
type acceptedConn struct{ nc net.Conn }

func (a acceptedConn) newConn(p *Proxy) *conn { return newConn(p, a.nc) }
func (a acceptedConn) begin(c *conn)          { go c.serve() }
func (a acceptedConn) conn() net.Conn         { return a.nc }
