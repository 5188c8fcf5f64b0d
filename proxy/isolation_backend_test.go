package proxy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
)

// host is a backend that checks what it gets, and breaks.
type host struct {
	t    *testing.T
	name string
	sids atomic.Int64
}

// serve is the script of one of its connections.
func (h *host) serve(c *backendConn) {
	dice := rand.New(rand.NewPCG(2, uint64(c.nr)))
	for {
		m, err := readHead(c.r)
		if err != nil {
			return
		}
		nonce := m.value("X-Nonce")
		if m.has("X-Early") {
			c.send(answerOf(nonce, 1000))
			c.send(answerOf("stranger", 8)) // for whoever would come next
			c.drain()
			return
		}
		if m.readBody(c.r, false) != nil {
			return
		}
		h.check(&m, nonce)
		switch {
		case m.has("Upgrade"):
			c.send(switching + stuff(nonce, 100))
			h.talk(c, nonce)
			return
		case m.target() == handshakeTarget:
			c.send(opened(fmt.Sprint(h.name, "-", h.sids.Add(1))))
		case !answerOddly(c, dice, nonce, dice.IntN(2000)):
			return
		}
	}
}

// check demands that a request is of one client only, and that a poll is of a session of this backend's.
func (h *host) check(m *message, nonce string) {
	if m.body != stuff(nonce, len(m.body)) {
		h.t.Errorf("%s got the body %.100q… of another than %s", h.name, m.body, nonce)
	}
	if sid, found := strings.CutPrefix(m.target(), pollTarget); found && !strings.HasPrefix(sid, h.name+"-") {
		h.t.Errorf("%s got a poll of another's session: %s", h.name, m.start)
	}
}

// talk echoes a tunnel, of which every byte is the nonce's.
func (h *host) talk(c *backendConn, nonce string) {
	buf := make([]byte, 4<<10)
	for at := 0; ; {
		n, err := c.r.Read(buf)
		if want := stuff(nonce, at+n)[at:]; string(buf[:n]) != want {
			h.t.Errorf("%s got %.100q in the tunnel of %s", h.name, buf[:n], nonce)
			return
		}
		at += n
		if err != nil {
			return
		}
		c.send(string(buf[:n]))
	}
}

// answerOf is a reply of n bytes of a nonce.
func answerOf(nonce string, n int) string {
	return "HTTP/1.1 200 OK\r\nX-Nonce: " + nonce + "\r\nContent-Length: " + decimal(n) + "\r\n\r\n" + stuff(nonce, n)
}

// answerOddly answers a request in one of many ways, some of them broken; false ends the connection.
func answerOddly(c *backendConn, dice *rand.Rand, nonce string, n int) (more bool) {
	whole := answerOf(nonce, n)
	inChunks := "HTTP/1.1 200 OK\r\nX-Nonce: " + nonce + "\r\nTransfer-Encoding: chunked\r\n\r\n"
	switch dice.IntN(13) {
	case 0: // until the end
		c.send("HTTP/1.1 200 OK\r\nX-Nonce: " + nonce + "\r\n\r\n" + stuff(nonce, n))
		return false
	case 1:
		c.send(inChunks + hex(n+1) + "\r\n" + stuff(nonce, n+1) + "\r\n0\r\n\r\n")
	case 2:
		c.send(hints + "HTTP/1.1 100 Continue\r\n\r\n" + whole)
	case 3: // and another's
		c.send(whole + answerOf("stranger", n))
	case 4: // and the end of it, unannounced
		c.send(whole)
		return false
	case 5: // half of it
		c.send(whole[:dice.IntN(len(whole))])
		return false
	case 6: // half of it, and a malformed chunk
		c.send(inChunks + hex(n+1) + "\r\n" + stuff(nonce, n+1) + "\r\nstranger\r\n")
	case 7:
		c.send("stranger" + whole)
	case 8:
		c.send(whole[:dice.IntN(len(whole))])
		c.reset()
		return false
	default:
		c.send(whole)
	}
	return true
}
