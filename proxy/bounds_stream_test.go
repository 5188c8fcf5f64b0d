package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
)

const event = "data: x\n\n"

// TestEventStreamsOutliveOtherTimeouts has a backend be silent before an event for longer than a head, a body, or the
// beginning of a reply may take.
func TestEventStreamsOutliveOtherTimeouts(t *testing.T) {
	t.Parallel()
	const limit, silence = time.Second, 1500 * time.Millisecond
	g := startProxy(t, 1, func(cfg *proxy.Config) {
		cfg.HeaderTimeout, cfg.BodyTimeout, cfg.PollTimeout, cfg.TunnelTimeout = limit, limit, limit, limit
	})
	g.backend(0).serve(func(c *backendConn) {
		c.next()
		c.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
		<-time.After(silence)
		c.send(event)
	})
	if got := g.dial(t).ask(plainGet); got.body != event {
		t.Errorf("got %q", got.raw())
	}
}

// TestSilentEventStreamsEnd after the idle timeout, and look cut.
func TestSilentEventStreamsEnd(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, idleFor(5*short))
	g.backend(0).serve(func(c *backendConn) {
		c.next()
		c.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + event)
		c.hang()
	})
	c := g.dial(t)
	c.send(plainGet)
	if rest := c.rest(); !strings.HasSuffix(rest, event+"\r\n") {
		t.Errorf("got %q, want an event and then the connection closed", rest)
	}
	eventually(t, "the backend is let go", func() bool { return g.backend(0).all()[0].over() })
}
