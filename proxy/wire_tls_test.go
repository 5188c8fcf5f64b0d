package proxy_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// byBoth runs a test with clients that speak TCP, and with clients that speak TLS.
func byBoth(t *testing.T, test func(t *testing.T, secure bool)) {
	for name, secure := range map[string]bool{"TCP": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, secure)
		})
	}
}

// overTLSIf is overTLS, or no change.
func overTLSIf(t *testing.T, secure bool) func(*proxy.Config) {
	if !secure {
		return nil
	}
	return overTLS(t)
}

// securedIf is secured, or nothing.
func (c *client) securedIf(secure bool) *client {
	if !secure {
		return c
	}
	return c.secured()
}

// holding counts the goroutines that have a client's connection.
func holding() int {
	stacks := make([]byte, 4<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "holdfast/proxy.(*conn).tend(")
}

// TestTLSClientsThatWaitHaveNoGoroutine connects clients over TLS, of which some have been served and the polls of the others
// wait.
func TestTLSClientsThatWaitHaveNoGoroutine(t *testing.T) {
	if loops < 0 {
		return
	}
	const count = 200
	g := startProxy(t, 1, overTLS(t))
	g.backend(0).serve(answeringAllButWaits)
	for i := range count {
		c := g.dial(t).secured()
		if i%2 == 0 {
			c.ask(plainGet)
		} else {
			c.send(get("/wait"))
		}
	}
	eventually(t, "half of them wait", func() bool { return g.proxy.Stats().Requests == count/2 })
	eventually(t, "no goroutine has one of them", func() bool { return holding() == 0 })
}

// answeringAllButWaits is the script that leaves requests to /wait unanswered.
func answeringAllButWaits(c *backendConn) {
	for {
		m, ok := c.next()
		if !ok || m.target() == "/wait" {
			c.drain()
			return
		}
		c.send(reply("200 OK", "hi"))
	}
}

// TestTLSRecordsAreReadAsTheyCome sends requests in records that arrive cut in two at every place, or many at once.
func TestTLSRecordsAreReadAsTheyCome(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, overTLS(t))
	g.backend(0).serve(answering(ok))
	c := g.dial(t)
	held := &holdBack{conn: c.tcp}
	layer := tls.Client(held, &tls.Config{InsecureSkipVerify: true})
	c.conn = layer
	c.r.Reset(layer)
	c.ask(plainGet)
	for cut, whole := 1, false; !whole; cut++ {
		held.on = true
		c.send(plainGet)
		record := held.take()
		c.tcp.Write(record[:cut])
		runtime.Gosched()
		c.tcp.Write(record[cut:])
		whole = cut == len(record)
		if got := c.reply(); got.raw() != ok {
			t.Fatalf("a request whose record was cut behind %d bytes got %q", cut, got.raw())
		}
	}
	const many = 100
	held.on = true
	for range many {
		c.send(plainGet)
	}
	c.tcp.Write(held.take())
	for range many {
		if got := c.reply(); got.raw() != ok {
			t.Fatalf("one of %d requests in records of their own got %q", many, got.raw())
		}
	}
}

// holdBack is a connection that keeps what is written while it is on.
type holdBack struct {
	conn
	on   bool
	held []byte
}

func (h *holdBack) Write(p []byte) (int, error) {
	if h.on {
		h.held = append(h.held, p...)
		return len(p), nil
	}
	return h.conn.Write(p)
}

// take returns what is kept, and keeps nothing more.
func (h *holdBack) take() []byte {
	defer func() { h.on, h.held = false, nil }()
	return h.held
}

// farewell sends close_notify, but no FIN.
func (c *client) farewell() { _ = c.conn.(securedConn).Conn.CloseWrite() }

// TestTLSConnectionsEnd has a client break off, or say farewell, between two requests.
func TestTLSConnectionsEnd(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		end   func(*client)
		alert bool
	}{
		"by close_notify, without a FIN": {end: (*client).farewell},
		"by a FIN, without close_notify": {end: func(c *client) { c.tcp.CloseWrite() }},
		"by a FIN within a record":       {end: func(c *client) { io.WriteString(c.tcp, "\x17\x03\x03\x00\xffx"); c.tcp.CloseWrite() }},
		"by a request in the clear":      {end: func(c *client) { io.WriteString(c.tcp, plainGet) }, alert: true},
		"by a record nobody has sealed":  {end: func(c *client) { io.WriteString(c.tcp, "\x17\x03\x03\x00\x20"+strings.Repeat("x", 32)) }, alert: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, overTLS(t))
			g.backend(0).serve(answering(ok))
			c := g.dial(t).secured()
			c.ask(plainGet)
			row.end(c)
			c.wait()
			rest, err := io.ReadAll(c.r)
			if alert := new(tls.AlertError); len(rest) > 0 || row.alert != (err != nil) && !errors.As(err, alert) {
				t.Errorf("the client got %q, %v", rest, err)
			}
			eventually(t, "nothing is left", func() bool { return g.proxy.Stats().Connections == 0 })
		})
	}
}

// TestTLSHalfCloseBehindARequest sends close_notify behind a request, but no FIN: the reply comes all the same.
func TestTLSHalfCloseBehindARequest(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, overTLS(t))
	g.backend(0).serve(answering(ok))
	c := g.dial(t).secured()
	c.send(plainGet)
	c.farewell()
	if got := c.reply(); got.raw() != ok {
		t.Errorf("got %q", got.raw())
	}
	c.closed()
}

// TestShutdownOfTLSClients shuts down while one client is idle and another one's poll waits, which is told that it is over.
func TestShutdownOfTLSClients(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, overTLS(t))
	g.backend(0).serve(answeringAllButWaits)
	idle, waits := g.dial(t).secured(), g.dial(t).secured()
	idle.ask(plainGet)
	waits.send(get("/wait"))
	eventually(t, "a poll waits", func() bool { return g.proxy.Stats().Requests == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := g.proxy.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if got := waits.reply(); got.status() < 400 || !waits.lastCloses {
		t.Errorf("the poll got %q", got.raw())
	}
	waits.closed()
	idle.closed()
}
