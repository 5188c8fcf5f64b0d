package proxy_test

import (
	"strings"
	"testing"
	"time"
)

// TestPostsSurvive has a backend close 3 ms after each reply, unannounced, and the next POST come right behind: a POST
// cannot be sent twice, so that none may go into a connection whose end has arrived.
func TestPostsSurvive(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, nil)
	g.session(t, 0, "posts").Close()
	for _, c := range g.backend(0).all() { // or the handshake's connection would carry all POSTs
		c.Close()
	}
	closed := make(chan struct{})
	g.backend(0).serve(func(c *backendConn) {
		if _, more := c.next(); more {
			c.send(ok)
			<-time.After(3 * time.Millisecond)
			c.Close()
			closed <- struct{}{}
		}
	})
	c, lost := g.dial(t), 0
	for range 60 {
		if got := c.ask(post("posts")); got.body != "ok" {
			lost++
		}
		<-closed
	}
	if lost > 0 {
		t.Errorf("%d of 60 POSTs were lost", lost)
	}
}

// surplus is a reply and what comes behind it once its client has got it.
type surplus struct{ method, answer, late string }

var surpluses = map[string]surplus{
	"a whole reply behind a length":       {"GET", ok, stranger},
	"a whole reply behind no length":      {"GET", reply("200 OK", ""), stranger},
	"a whole reply behind chunks":         {"GET", chunked + "2\r\nok\r\n0\r\n\r\n", stranger},
	"a whole reply behind a 204":          {"GET", "HTTP/1.1 204 No Content\r\n\r\n", stranger},
	"a whole reply behind a 304":          {"GET", "HTTP/1.1 304 Not Modified\r\n\r\n", stranger},
	"a whole reply behind the HEAD's":     {"HEAD", "HTTP/1.1 200 OK\r\n\r\n", stranger},
	"the body that a HEAD must not have":  {"HEAD", "HTTP/1.1 200 OK\r\n\r\n", "ok"},
	"an interim reply":                    {"GET", ok, hints},
	"half a head":                         {"GET", ok, "HTTP/1.1 200 OK\r\nX: "},
	"a single byte":                       {"GET", ok, "\n"},
	"a timeout that the server announces": {"GET", ok, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
	"a 101":                               {"GET", ok, switching},
}

// TestSurplus has a backend send more behind a complete reply, after its client has got it. FASTHTTP-like clients hand
// such bytes to the next client.
func TestSurplus(t *testing.T) {
	t.Parallel()
	for name, row := range surpluses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			got, said := make(chan struct{}), make(chan struct{})
			g.backend(0).serve(func(c *backendConn) {
				if c.nr > 0 {
					answering(ok)(c)
					return
				}
				c.next()
				c.send(row.answer)
				<-got
				c.send(row.late)
				close(said)
				if m, more := c.next(); more {
					t.Errorf("the connection was used again for %q", m.raw())
				}
			})
			c := g.dial(t)
			c.send(row.method + " / HTTP/1.1\r\nHost: a\r\n\r\n")
			c.replyTo(row.method)
			close(got)
			<-said
			for _, next := range []*client{g.dial(t), c} {
				if got := next.ask(plainGet); got.raw() != ok {
					t.Errorf("the next client got %q", got.raw())
				}
			}
		})
	}
}

// TestRefusedDial has one of two backends refuse connections: what belongs to no session goes to the other.
func TestRefusedDial(t *testing.T) {
	t.Parallel()
	requests := map[string]string{
		"a handshake":             handshake4,
		"a plain GET":             plainGet,
		"a POST":                  "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n4",
		"a chunked POST":          "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n0\r\n\r\n",
		"a long POST":             "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("x", 20000),
		"a handshake over EIO=3":  "GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
		"a preflight":             "OPTIONS /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
		"a POST that expects 100": "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n4",
	}
	for name, request := range requests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 2, nil)
			g.backend(0).refuse()
			for range 6 {
				c := g.dial(t)
				defer c.Close()
				got := c.ask(request)
				if got.status() == 100 {
					got = c.reply()
				}
				if got.body != "ok" {
					t.Errorf("got %q", got.raw())
				}
			}
			if n := len(g.backend(1).seen()); n != 6 {
				t.Errorf("the other backend got %d requests, want 6", n)
			}
		})
	}
}

// TestRefusedDialOfOwner has a session's backend refuse connections: nobody else gets its requests.
func TestRefusedDialOfOwner(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 2, nil)
	g.session(t, 0, "owned")
	g.backend(0).refuse()
	for _, c := range g.backend(0).all() {
		c.Close()
	}
	for _, request := range []string{poll("owned"), post("owned")} {
		if got := g.dial(t).ask(request); got.raw() != badGateway && got.raw() != badClose {
			t.Errorf("got %q, want 502", got.raw())
		}
	}
	if n := len(g.backend(1).seen()); n != 0 {
		t.Errorf("the other backend got %d requests of the session", n)
	}
}

// TestAllDialsRefused asks for what nobody can serve.
func TestAllDialsRefused(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 2, nil)
	g.backend(0).refuse()
	g.backend(1).refuse()
	c := g.dial(t)
	for range 3 {
		if got := c.ask(handshake4); got.raw() != badGateway {
			t.Errorf("got %q, want 502 and the connection kept", got.raw())
		}
	}
}

// TestShortKeepAlive has a backend announce that it keeps its connections for a second only: a POST of a session, which
// cannot be sent twice, is not risked on one of them.
func TestShortKeepAlive(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, nil)
	c := g.session(t, 0, "short")
	g.backend(0).serve(answering("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok"))
	for _, c := range g.backend(0).all() {
		c.Close()
	}
	for range 3 {
		if got := c.ask(post("short")); got.raw() != ok {
			t.Errorf("got %q", got.raw())
		}
	}
	if n := g.backend(0).dialled(); n != 4 {
		t.Errorf("the backend was dialled %d times, want once for the handshake and once for each POST", n)
	}
}
