package proxy_test

import (
	"encoding/json"
	"strings"
	"testing"
)

const (
	pollTarget      = "/socket.io/?EIO=4&transport=polling&sid="
	handshakeTarget = "/socket.io/?EIO=4&transport=polling"
	handshake4      = "GET " + handshakeTarget + " HTTP/1.1\r\nHost: a\r\n\r\n"
)

// poll is a GET poll of that session, and post a POST of it.
func poll(sid string) string { return "GET " + pollTarget + sid + " HTTP/1.1\r\nHost: a\r\n\r\n" }
func post(sid string) string {
	return "POST " + pollTarget + sid + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n4"
}

// opened is the reply that opens a session.
func opened(sid string) string {
	quoted, err := json.Marshal(sid)
	if err != nil {
		panic(err)
	}
	return reply("200 OK", `0{"sid":`+string(quoted)+`,"upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
}

// reply is a reply with a length.
func reply(status, body string) string {
	return "HTTP/1.1 " + status + "\r\nContent-Length: " + decimal(len(body)) + "\r\n\r\n" + body
}

// opening is the script that answers a handshake with the sid the backend is to give out, and all else with ok.
func opening(c *backendConn) {
	answeringBy(func(m message) string {
		if m.target() == handshakeTarget {
			return opened(c.b.sid.Load().(string))
		}
		return ok
	})(c)
}

// session opens a session at the i-th backend, the others being told to stay out of the way, and returns its client.
func (g *rig) session(t testing.TB, i int, sid string) *client {
	t.Helper()
	g.backend(i).sid.Store(sid)
	g.backend(i).serve(opening)
	for j := range g.backends {
		if j != i {
			g.pool.Drain(g.backend(j).id, true)
			defer g.pool.Drain(g.backend(j).id, false)
		}
	}
	c := g.dial(t)
	if got := c.ask(handshake4); !strings.HasPrefix(got.body, "0{") {
		t.Fatalf("handshake: got %q", got.raw())
	}
	return c
}
