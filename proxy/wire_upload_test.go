package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// TestUploads sends bodies in parts, each only when the backend has got the one before.
func TestUploads(t *testing.T) {
	t.Parallel()
	part := strings.Repeat("x", 10000)
	for name, row := range map[string]struct{ head, part, end string }{
		"with a length": {"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n", part, ""},
		"in chunks":     {"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "2710\r\n" + part + "\r\n", "0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			c := g.dial(t)
			c.send(row.head)
			for i := range 3 {
				c.send(row.part)
				eventually(t, "the backend gets what was sent", func() bool {
					return strings.Count(strings.Join(g.backend(0).received(), ""), "x") == (i+1)*len(part)
				})
			}
			c.send(row.end)
			if got := c.reply(); got.raw() != ok {
				t.Errorf("got %q", got.raw())
			}
			if got := g.backend(0).seen()[0].body; got != strings.Repeat(part, 3) {
				t.Errorf("the backend got a body of %d bytes", len(got))
			}
		})
	}
}

// TestEarlyAnswers has a backend answer before it has read the body: the client gets the answer and no second chance on
// that connection, and what it still sends is nobody's request.
func TestEarlyAnswers(t *testing.T) {
	t.Parallel()
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, row := range map[string]struct{ request, behind string }{
		"with a length":                     {"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", smuggled},
		"in chunks":                         {"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "0\r\n\r\n" + smuggled},
		"in chunks that turn out malformed": {"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "x\r\n" + smuggled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			g.backend(0).serve(func(c *backendConn) {
				if c.nr > 0 {
					answering(ok)(c)
					return
				}
				_, _ = readHead(c.r)
				c.send(reply("413 Too Large", ""))
				c.drain()
			})
			c := g.dial(t)
			c.send(row.request)
			if got := c.reply(); got.raw() != closing("413 Too Large", "") {
				t.Errorf("got %q", got.raw())
			}
			c.send(row.behind)
			c.closed()
			if got := g.dial(t).ask(plainGet); got.raw() != ok {
				t.Errorf("the next client got %q", got.raw())
			}
			if n := g.backend(0).count("/smuggled"); n != 0 {
				t.Error("what stood in the body was carried out")
			}
		})
	}
}

// TestCutUploads ends bodies before their end: the backend must not take them for whole, and the session goes on.
func TestCutUploads(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"a short one with a length": "POST " + pollTarget + "cut" + asked + "Content-Length: 10\r\n\r\n4half",
		"a long one with a length":  "POST " + pollTarget + "cut" + asked + "Content-Length: 40000\r\n\r\n" + strings.Repeat("x", 20000),
		"one in chunks":             "POST " + pollTarget + "cut" + asked + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		for how, cut := range map[string]func(*client){"FIN": func(c *client) { c.Close() }, "RST": (*client).reset} {
			t.Run(name+" by "+how, func(t *testing.T) {
				t.Parallel()
				g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.NoSeek = true })
				g.session(t, 0, "cut").Close()
				c := g.dial(t)
				c.send(request)
				long := len(request) > 1000 || strings.Contains(request, "chunked")
				eventually(t, "a long body reaches the backend as it comes", func() bool {
					return !long || strings.Contains(strings.Join(g.backend(0).received(), ""), "POST")
				})
				cut(c)
				eventually(t, "the backend's connection is closed", func() bool {
					conns := g.backend(0).all()
					return !long || conns[len(conns)-1].over()
				})
				if got := g.dial(t).ask(poll("cut")); got.raw() != ok {
					t.Errorf("a poll of the session got %q", got.raw())
				}
				for _, m := range g.backend(0).seen() {
					if m.method() == "POST" {
						t.Errorf("half a body looks whole: %q", m.raw())
					}
				}
			})
		}
	}
}

// over says that the connection has been closed.
func (c *backendConn) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// TestSlowUploads stops in the middle of a body: the client is told, and the backend does not take it for whole.
func TestSlowUploads(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"a short one with a length": "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
		"a long one with a length":  "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n" + strings.Repeat("x", 20000),
		"one in chunks":             "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.BodyTimeout = 200 * time.Millisecond })
			c := g.dial(t)
			got := c.ask(request)
			if want := said("408 Request Timeout", asText, "request body took too long\n", closes); got.raw() != want {
				t.Errorf("got %q, want %q", got.raw(), want)
			}
			c.closed()
			if n := len(g.backend(0).seen()); n != 0 {
				t.Error("half a body looks whole")
			}
		})
	}
}
