package proxy_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/proxy/tlstest"
)

// overTLS has the proxy serve TLS. Clients speak it once they are secured.
func overTLS(t testing.TB) func(*proxy.Config) {
	return func(cfg *proxy.Config) {
		cfg.TLS = &tls.Config{
			Certificates: []tls.Certificate{tlstest.Certificate()},
			NextProtos:   []string{"http/1.1"},
		}
	}
}

// TestIdleTLSClientsCostLittle connects clients over TLS that stay: half of them have been served, the others never say a
// word.
func TestIdleTLSClientsCostLittle(t *testing.T) {
	const count, limit = 1000, 20 << 10
	// The one curve that is computed in assembly, and so at the same speed under the race detector.
	quick := &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.CurveP256}}
	g := startProxy(t, 1, overTLS(t))
	g.backend(0).serve(forgetful)
	c := g.dial(t).secured()
	c.ask(plainGet)
	before := footprint()
	var all []*net.TCPConn // without TLS, so that only the proxy's side of that counts
	for i := range count {
		c := g.dial(t)
		all = append(all, c.tcp)
		layer := tls.Client(c.tcp, quick)
		if err := layer.Handshake(); err != nil {
			t.Fatal(err)
		}
		if c.conn, c.r = layer, bufio.NewReader(layer); i%2 > 0 {
			continue
		}
		if got := c.ask(plainGet); got.raw() != ok {
			t.Fatalf("got %q", got.raw())
		}
	}
	each := (footprint() - before) / count
	t.Logf("%d bytes each", each)
	if each > limit {
		t.Errorf("%d bytes each, want at most %d", each, limit)
	}
	if got := c.ask(plainGet); got.raw() != ok {
		t.Errorf("another client got %q", got.raw())
	}
	for _, c := range all {
		c.Close()
	}
	eventually(t, "they are forgotten", func() bool { return g.proxy.Stats().Connections == 1 })
}

// TestTLSCarriesWhatTCPCarries has the same come through TLS.
func TestTLSCarriesWhatTCPCarries(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, overTLS(t))
	g.backend(0).serve(answeringOrEchoing)
	long := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB: many records

	c := g.dial(t).secured()
	c.send(get("/1") + get("/2"))
	for range 2 {
		if got := c.reply(); got.raw() != ok {
			t.Errorf("one of two requests in one record got %q", got.raw())
		}
	}
	for i := range len(plainGet) {
		c.send(plainGet[i : i+1])
	}
	if got := c.reply(); got.raw() != ok {
		t.Errorf("a request of a record for each byte got %q", got.raw())
	}
	if got := c.ask("POST /long" + asked + "Content-Length: " + decimal(len(long)) + "\r\n\r\n" + long); got.raw() != ok {
		t.Errorf("an upload got %q", got.raw())
	}
	seen := g.backend(0).seen()
	if last := seen[len(seen)-1]; last.body != long || last.value("X-Forwarded-Proto") != "https" {
		t.Errorf("the backend got a body of %d bytes behind %q", len(last.body), last.head)
	}
	if got := c.ask(upgradeRequest); got.status() != 101 {
		t.Fatalf("an upgrade got %q", got.raw())
	}
	go c.send(long)
	if got := c.read(len(long)); got != long {
		t.Errorf("the tunnel echoes %d bytes of another kind", len(got))
	}
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(c.r); len(rest) > 0 || err != nil {
		t.Errorf("after %q: %v; want a close_notify", rest, err)
	}
}

// TestTLSClientLeaves ends clients whose polls wait at a backend, which must hear of it at once.
func TestTLSClientLeaves(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*client){
		"by close_notify and FIN":       func(c *client) { c.Close() },
		"by FIN alone":                  func(c *client) { c.tcp.Close() },
		"by RST":                        (*client).reset,
		"by FIN behind another request": func(c *client) { c.send(plainGet); c.tcp.Close() },
	} {
		if loops < 0 && bytesBefore[name] {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, overTLS(t))
			g.backend(0).serve(func(c *backendConn) { c.next(); c.drain() })
			c := g.dial(t).secured()
			c.send(plainGet)
			eventually(t, "the request waits", func() bool { return len(g.backend(0).seen()) == 1 })
			leave(c)
			eventually(t, "the backend is let go", func() bool { return g.backend(0).all()[0].over() })
			eventually(t, "nothing is left", func() bool { return g.proxy.Stats().Connections == 0 })
		})
	}
}
