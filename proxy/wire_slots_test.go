package proxy_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
)

// slots is how many searches may be asking at a time.
const slots = 64

// TestNoReplyKeepsASearchesSlot has as many sids made up as there are slots, answered in ways that take their time: the
// search for a live session is admitted all the same.
func TestNoReplyKeepsASearchesSlot(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]string{
		"an event stream":                     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ndata: x\r\n",
		"a page whose body does not come":     "HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n",
		"a long page":                         "HTTP/1.1 500 X\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 50000),
		"a denial of which a part is missing": "HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\n{\"code\":1,",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			g.backend(0).serve(func(c *backendConn) {
				if m, _ := c.next(); strings.Contains(m.target(), "live") {
					c.send(ok)
					return
				}
				c.send(reply)
				c.drain()
			})
			for i := range slots {
				c := g.dial(t)
				c.send("GET " + pollTarget + fmt.Sprint("made-up-", i) + asked + "\r\n")
				defer c.reset()
			}
			eventually(t, "all slots have been taken", func() bool { return len(g.backend(0).seen()) == slots })
			if got := g.dial(t).ask("POST " + pollTarget + "live" + asked + "Content-Length: 1\r\n\r\n3"); got.raw() != ok {
				t.Errorf("the live session's client got %q", got.raw())
			}
		})
	}
}

// TestAPanicLeavesTheSearchToOthers has the embedder's OnOutcome panic in one member's turn.
func TestAPanicLeavesTheSearchToOthers(t *testing.T) {
	t.Parallel()
	var outcomes atomic.Int32
	g := startProxy(t, 1, func(cfg *proxy.Config) {
		cfg.Logger = slog.New(slog.DiscardHandler)
		cfg.OnOutcome = func(*routing.Backend, proxy.Outcome, netip.Addr) {
			if outcomes.Add(1) == 1 {
				panic("planted")
			}
		}
	})
	both := make(chan struct{})
	g.backend(0).serve(func(c *backendConn) {
		for {
			if _, more := c.next(); !more {
				return
			}
			<-both
			c.send(ok)
		}
	})
	request := "POST " + pollTarget + "live" + asked + "Content-Length: 1\r\n\r\n3"
	first, second := g.dial(t), g.dial(t)
	first.send(request)
	eventually(t, "the first one asks", func() bool { return len(g.backend(0).seen()) == 1 })
	second.send(request)
	eventually(t, "the second one waits for it", func() bool { return g.proxy.Stats().Requests == 2 })
	close(both)
	got, other := first.reply(), second.reply()
	if got.status() != 500 { // where this took long, the backend was presumed to be the owner, and both are there
		got, other = other, got
	}
	if got.status() != 500 || other.raw() != ok {
		t.Errorf("one got %q and the other %q, want 500 for who met the panic, and the backend's reply", got.raw(), other.raw())
	}
}

// TestACutReplyDoesNotLookWhole has a backend end in the middle of a chunked reply to a client that only the connection's
// end can tell where a body ends.
func TestACutReplyDoesNotLookWhole(t *testing.T) {
	t.Parallel()
	for name, fields := range map[string]string{"closing": "", "keeping its connection": "Connection: keep-alive\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			g.backend(0).serve(func(c *backendConn) {
				c.next()
				c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
			})
			c := g.dial(t)
			c.send("GET /cut HTTP/1.0\r\nHost: a\r\n" + fields + "\r\n")
			c.wait()
			var all strings.Builder
			if _, err := c.r.WriteTo(&all); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %q and %v, want a reset", all.String(), err)
			}
		})
	}
}
