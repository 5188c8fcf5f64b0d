package proxy

import "net"

// accepted is a connection that a client has just opened: a socket for an event loop or, if nc is set, what a listener
// of another kind has returned.
type accepted struct {
	nc     net.Conn
	socket rawSocket
}

// newConn makes the connection's record; nothing happens on it before begin.
func (a *accepted) newConn(p *Proxy) *conn {
	if a.nc != nil {
		return newConn(p, a.nc)
	}
	return a.socket.newConn(p)
}

// begin has the connection served.
func (a *accepted) begin(c *conn) {
	if a.nc != nil {
		go c.serve()
		return
	}
	a.socket.begin(c)
}

// conn returns the connection as a net.Conn; nil if that fails, and then it is closed.
func (a *accepted) conn() net.Conn {
	if a.nc != nil {
		return a.nc
	}
	return a.socket.conn()
}
