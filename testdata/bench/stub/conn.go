//go:build linux

package stub

import "golang.org/x/sys/unix"

// conn is one connection of a proxy's.
type conn struct {
	s       *server
	fd      int
	in      []byte // what has come of an incomplete request
	pending []byte // what the socket did not take yet; nothing is read meanwhile
	tunnel  bool   // upgraded: everything is echoed as it comes
	waiting bool   // a poll of it is not answered
}

func (c *conn) ready() {
	if len(c.pending) > 0 && !c.send(nil) {
		return
	}
	n, err := unix.Read(c.fd, c.s.buf)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
	case n <= 0:
		c.close()
	case c.tunnel:
		c.send(c.s.buf[:n])
	default:
		c.take(c.s.buf[:n])
	}
}

// take answers the requests that are complete with p, and keeps the rest.
func (c *conn) take(p []byte) {
	if len(c.in) > 0 {
		c.in = append(c.in, p...)
		p = c.in
	}
	c.s.out = c.s.out[:0]
	for len(p) > 0 && !c.tunnel && !c.waiting {
		req, n := parse(p)
		if n == 0 {
			break
		}
		p = p[n:]
		c.answer(&req)
	}
	c.in = append(c.in[:0], p...)
	if len(c.s.out) > 0 {
		c.send(c.s.out)
	}
}

func (c *conn) answer(req *request) {
	s := c.s
	switch {
	case req.asksWaiting:
		s.out = s.appendWaiting(s.out)
	case len(req.sid) == 0:
		s.out = s.appendHandshake(s.out, req)
	case !s.knows(req.sid):
		s.out = append(s.out, unknownSID...)
	case req.upgradeKey != nil:
		s.out = s.appendUpgrade(s.out, req)
		c.tunnel = true
	case req.waits:
		c.waiting = true
		s.waiting++
	default:
		s.out = s.appendReply(s.out, req)
	}
}

// send writes what is pending and then p, and keeps what the socket does not take. False says that something is kept.
func (c *conn) send(p []byte) bool {
	blocked := len(c.pending) > 0
	if blocked {
		p = c.pending
	}
	n, err := unix.Write(c.fd, p)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		c.pending = nil
		return true // the next read says why
	}
	rest := p[max(n, 0):]
	if blocked {
		c.pending = rest
	} else if len(rest) > 0 {
		c.pending = append([]byte(nil), rest...)
	}
	if blocked != (len(rest) > 0) {
		c.s.loop.AwaitRoom(c.fd, !blocked)
	}
	return len(rest) == 0
}

func (c *conn) close() {
	if c.waiting {
		c.s.waiting--
	}
	unix.Close(c.fd)
}
