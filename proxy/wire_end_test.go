package proxy_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
)

// endRow is a request that waits at a backend when that is found dead, and the end that its client gets.
type endRow struct {
	name    string
	request string // with SID for the session's
	want    string
}

const (
	browser  = "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
	node     = "User-Agent: node-XMLHttpRequest\r\n"
	asScript = "text/javascript; charset=UTF-8"
	asPacket = "text/plain; charset=UTF-8"
	waits    = "GET /socket.io/?transport=polling&sid=SID&EIO="
)

var (
	denied = said("400 Bad Request", "application/json", codeOne, "")
	ended  = said("200 OK", asPacket, "1", "")
)

var endRows = []endRow{
	{"a browser's EIO=4 poll", waits + "4" + asked + browser + "\r\n", ended},
	{"a browser's EIO=3 poll", waits + "3" + asked + browser + "\r\n", said("200 OK", asPacket, "1:1", "")},
	{"a browser's EIO=3 poll that takes binary", waits + "3&b64=" + asked + browser + "\r\n", said("200 OK", asPacket, "1:1", "")},
	{"a browser's EIO=3 JSONP poll", waits + "3&j=7" + asked + browser + "\r\n", said("200 OK", asScript, `___eio[7]("1:1");`, "")},
	{"a browser's EIO=4 JSONP poll", waits + "4&j=0" + asked + browser + "\r\n", said("200 OK", asScript, `___eio[0]("1");`, "")},
	{"a JSONP poll that brings a script of its own", waits + "4&j=0]);alert(1);//" + asked + browser + "\r\n", said("200 OK", asScript, `___eio[01]("1");`, "")},
	{"a browser's poll from a page of another origin", waits + "4" + asked + fromPage + browser + "\r\n", said("200 OK", asPacket, "1", cors)},
	{"a browser's poll over HTTP/1.0", waits + "4 HTTP/1.0\r\nHost: a\r\n" + browser + "\r\n", said("200 OK", asPacket, "1", closes)},
	{"Node's EIO=4 poll", waits + "4" + asked + node + "\r\n", ended},
	{"Node's EIO=3 poll", waits + "3" + asked + node + "\r\n", said("200 OK", asPacket, "1:1", "")},
	{"Python's poll, which never comes back after a close packet", waits + "4" + asked + "User-Agent: python-requests/2.31\r\n\r\n", denied},
	{"aiohttp's poll", waits + "4" + asked + "User-Agent: Python/3.11 aiohttp/3.9\r\n\r\n", denied},
	{"a poll of nobody in particular", waits + "4" + asked + "\r\n", denied},
	{"a poll of something with Mozilla in its name", waits + "4" + asked + "User-Agent: x Mozilla/5.0\r\n\r\n", denied},
	{"a poll of mozilla in small letters", waits + "4" + asked + "User-Agent: mozilla/5.0\r\n\r\n", denied},
	{"a poll of something with Node's name in it", waits + "4" + asked + "User-Agent: node-XMLHttpRequest/2\r\n\r\n", denied},
	{"a nobody's poll from a page of another origin", waits + "4" + asked + fromPage + "\r\n", said("400 Bad Request", "application/json", codeOne, cors)},
	{"a browser's POST", "POST /socket.io/?EIO=4&sid=SID" + asked + browser + "Content-Length: 1\r\n\r\n4", denied},
	{"a browser's long POST", "POST /socket.io/?EIO=4&sid=SID" + asked + browser + "Content-Length: 20000\r\n\r\n" + strings.Repeat("x", 20000), denied},
	{"a browser's upgrade", "GET /socket.io/?EIO=4&transport=websocket&sid=SID" + asked + browser + upgradeFields + "\r\n",
		said("400 Bad Request", asPacket, "Session ID unknown", closes)},
	{"a browser's handshake", "GET " + handshakeTarget + "&t=x" + asked + browser + "\r\n", badGateway},
	{"a page", "GET /slow" + asked + browser + "\r\n", badGateway},
}

// TestEnds takes a backend down while a request waits there: its client is told at once, in the words that bring it back.
// Nothing of the session reaches a backend afterwards.
func TestEnds(t *testing.T) {
	t.Parallel()
	for _, row := range endRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 2, func(cfg *proxy.Config) { cfg.NoSeek = true })
			g.session(t, 0, "ended").Close()
			g.pool.Drain("b1", true) // so that all that waits, waits at the first
			waiting, over := make(chan struct{}), make(chan struct{})
			g.backend(0).serve(func(c *backendConn) {
				c.next()
				close(waiting)
				c.drain()
				close(over)
			})
			for _, c := range g.backend(0).all() {
				c.Close()
			}
			c := g.dial(t)
			c.send(strings.ReplaceAll(row.request, "SID", "ended"))
			<-waiting
			dead := g.owner(t, 0)
			g.pool.Drain("b1", false)
			g.pool.SetState("b0", routing.Down)
			g.proxy.End(dead)
			if got := c.reply(); got.raw() != row.want {
				t.Errorf("the client got %q, want %q", got.raw(), row.want)
			}
			<-over
			if c.lastCloses {
				c.closed()
				c = g.dial(t)
			}
			if got := c.ask(poll("ended")); strings.Contains(row.request, "SID") && got.raw() != denied {
				t.Errorf("a straggler of the session got %q", got.raw())
			}
			if n := len(g.backend(1).seen()); n != 0 {
				t.Errorf("the other backend got %d requests", n)
			}
		})
	}
}

// TestEndOfTunnels takes a backend down that has a tunnel open: its client gets a FIN and no byte more.
func TestEndOfTunnels(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, nil)
	c, b := g.tunnel(t)
	b.send("last")
	if got := c.read(4); got != "last" {
		t.Errorf("got %q", got)
	}
	dead := g.owner(t, 0)
	g.pool.SetState("b0", routing.Down)
	g.proxy.End(dead)
	c.closed()
	if got := b.drain(); got != "" {
		t.Errorf("the backend got %q", got)
	}
}

// TestEndSparesOthers takes one backend down: what waits at the other goes on waiting.
func TestEndSparesOthers(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 2, nil)
	g.session(t, 1, "spared").Close()
	waiting, speak := make(chan struct{}), make(chan struct{})
	g.backend(1).serve(func(c *backendConn) {
		c.next()
		close(waiting)
		<-speak
		c.send(ok)
	})
	for _, c := range g.backend(1).all() {
		c.Close()
	}
	c := g.dial(t)
	c.send(poll("spared"))
	<-waiting
	dead := g.owner(t, 0)
	g.pool.SetState("b0", routing.Down)
	g.proxy.End(dead)
	close(speak)
	if got := c.reply(); got.raw() != ok {
		t.Errorf("got %q", got.raw())
	}
}

// TestEndByShutdown shuts the proxy down while polls wait, with no time left for them.
func TestEndByShutdown(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ agent, want string }{
		"a browser": {browser, said("200 OK", asPacket, "1", closes)},
		"Python":    {"User-Agent: python-requests/2.31\r\n", said("400 Bad Request", "application/json", codeOne, closes)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			g.session(t, 0, "last").Close()
			waiting := make(chan struct{})
			g.backend(0).serve(func(c *backendConn) {
				c.next()
				close(waiting)
				c.drain()
			})
			for _, c := range g.backend(0).all() {
				c.Close()
			}
			c := g.dial(t)
			c.send("GET " + pollTarget + "last" + asked + row.agent + "\r\n")
			<-waiting
			g.end(t)
			if got := c.reply(); got.raw() != row.want {
				t.Errorf("got %q, want %q", got.raw(), row.want)
			}
			c.closed()
		})
	}
}

// TestDraining sends requests while the proxy is being shut down and something is still under way: they are carried, and
// told to go elsewhere with the next one. What is under way gets its time.
func TestDraining(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, nil)
	waiting, speak := make(chan struct{}), make(chan struct{})
	g.backend(0).serve(answeringBy(func(m message) string {
		if m.target() == "/slow" {
			close(waiting)
			<-speak
		}
		return ok
	}))
	slow, idle, pipelined := g.dial(t), g.dial(t), g.dial(t)
	idle.ask(plainGet)
	pipelined.ask(plainGet)
	slow.send(get("/slow"))
	<-waiting
	down := make(chan error, 1)
	go func() { down <- g.proxy.Shutdown(context.Background()) }()
	eventually(t, "the proxy refuses connections", g.refuses)
	last := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
	if got := idle.ask(plainGet); got.raw() != last {
		t.Errorf("an idle client's next request got %q", got.raw())
	}
	idle.closed()
	pipelined.send(get("/a") + get("/b"))
	if got := pipelined.rest(); got != last {
		t.Errorf("two pipelined requests got %q, want one reply", got)
	}
	close(speak)
	if got := slow.reply(); got.raw() != last {
		t.Errorf("what was under way got %q", got.raw())
	}
	slow.closed()
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if n := g.backend(0).count("/b"); n != 0 {
		t.Error("a request behind the last one was carried")
	}
}

// refuses says that the proxy does not listen any more.
func (g *rig) refuses() bool {
	c, err := net.Dial("tcp", g.addr)
	if err == nil {
		c.Close()
	}
	return err != nil
}
