package proxy_test

import (
	"bytes"
	"io"
	"testing"
)

// BenchmarkExchange carries requests of a session one after the other over one connection, with an event loop and with
// goroutines. Client and backend are of the same process and allocate nothing.
func BenchmarkExchange(b *testing.B) {
	for kind, request := range map[string]string{"poll": poll("steady"), "POST": post("steady")} {
		onEachCarrier(b, kind+", ", func(b *testing.B) {
			g := startProxy(b, 1, nil)
			g.session(b, 0, "steady").Close()
			for _, c := range g.backend(0).all() {
				c.Close()
			}
			g.backend(0).serve(steady)
			c := g.dial(b)
			out, in := []byte(request), make([]byte, 4096)
			swap(b, c, out, in, "ok")
			b.ReportAllocs()
			for b.Loop() {
				swap(b, c, out, in, "ok")
			}
		})
	}
}

// BenchmarkTunnelLife takes a client through all of it: connect, upgrade, a message there and back, close. What client and
// backend allocate for a connection is among what it reports.
func BenchmarkTunnelLife(b *testing.B) {
	onEachCarrier(b, "", func(b *testing.B) {
		g := startProxy(b, 1, nil)
		g.backend(0).serve(parrot)
		upgrade, message, in := []byte(upgradeRequest), []byte("message"), make([]byte, 4096)
		b.ReportAllocs()
		for b.Loop() {
			c := g.dial(b)
			swap(b, c, upgrade, in, "\r\n\r\n")
			swap(b, c, message, in, "message")
			c.Close()
		}
	})
}

// onEachCarrier runs a benchmark with an event loop and with goroutines; its name is prefix and which of them.
func onEachCarrier(b *testing.B, prefix string, bench func(*testing.B)) {
	defer func(before int) { loops = before }(loops)
	for carrier, n := range map[string]int{"event loop": 1, "goroutines": -1} {
		loops = n
		b.Run(prefix+carrier, bench)
	}
}

// swap sends out, and reads once what ends with suffix.
func swap(b *testing.B, c *client, out, in []byte, suffix string) {
	if _, err := c.Write(out); err != nil {
		b.Fatal(err)
	}
	if k, err := c.Read(in); err != nil || !bytes.HasSuffix(in[:k], []byte(suffix)) {
		b.Fatalf("got %q, %v", in[:k], err)
	}
}

// parrot is the script that switches protocols and then repeats what it hears.
func parrot(c *backendConn) {
	if _, err := c.conn.Read(make([]byte, 4096)); err != nil {
		return
	}
	if _, err := c.conn.Write([]byte(switching)); err == nil {
		_, _ = io.Copy(c.conn, c.conn)
	}
}

// steady is the script that answers whatever comes, one request at a read.
func steady(c *backendConn) {
	in, out := make([]byte, 4096), []byte(ok)
	for {
		if _, err := c.conn.Read(in); err != nil {
			return
		}
		if _, err := c.conn.Write(out); err != nil {
			return
		}
	}
}
