package proxy_test

import (
	"bytes"
	"testing"
)

// BenchmarkExchange carries requests of a session one after the other over one connection, with an event loop and with
// goroutines. Client and backend are of the same process and allocate nothing.
func BenchmarkExchange(b *testing.B) {
	requests := map[string]string{"poll": poll("steady"), "POST": post("steady")}
	for carrier, n := range map[string]int{"event loop": 1, "goroutines": -1} {
		for kind, request := range requests {
			b.Run(kind+", "+carrier, func(b *testing.B) {
				loops = n
				defer func(before int) { loops = before }(loops)
				g := startProxy(b, 1, nil)
				g.session(b, 0, "steady").Close()
				for _, c := range g.backend(0).all() {
					c.Close()
				}
				g.backend(0).serve(steady)
				c := g.dial(b)
				out, in := []byte(request), make([]byte, 4096)
				exchange := func() {
					if _, err := c.tcp.Write(out); err != nil {
						b.Fatal(err)
					}
					if k, err := c.tcp.Read(in); err != nil || !bytes.HasSuffix(in[:k], []byte("ok")) {
						b.Fatalf("got %q, %v", in[:k], err)
					}
				}
				exchange()
				b.ReportAllocs()
				for b.Loop() {
					exchange()
				}
			})
		}
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
