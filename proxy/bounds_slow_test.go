package proxy_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// slowRow is a client that takes its time, and what becomes of it.
type slowRow struct {
	name   string
	change func(*proxy.Config)
	tls    bool   // the proxy expects TLS
	spoken bool   // which the client speaks
	begin  string // sent, and answered if it is a whole request
	drip   string // sent a byte at a time, for ever, so that something always moves
	want   string // what the client gets before it is closed
}

var slowRows = []slowRow{
	{name: "says nothing", change: idleFor(short)},
	{name: "says nothing after a reply", change: idleFor(5 * short), begin: plainGet},
	{name: "sends empty lines", change: headFor(patience), drip: "\r\n", want: "400"},
	{name: "sends one letter and stops", change: headFor(short), begin: "G", want: "408"},
	{name: "sends a request line of one letter after the other", change: headFor(short), begin: "GET /", drip: "x", want: "408"},
	{name: "sends a head of one field after the other", change: headFor(short), begin: "GET / HTTP/1.1\r\nHost: a\r\n", drip: "X: y\r\n", want: "408"},
	{name: "sends a second head so", change: headFor(short), begin: plainGet + "GET / HTTP/1.1\r\n", drip: "X: y\r\n", want: "408"},
	{name: "sends half a head and stops", change: headFor(short), begin: "GET / HT", want: "408"},
	{name: "sends half a body and stops", change: bodyFor(short), begin: "POST /" + asked + "Content-Length: 1000000\r\n\r\nhalf", want: "408"},
	{name: "sends half a short body and stops", change: bodyFor(short), begin: "POST /" + asked + "Content-Length: 10\r\n\r\nhalf", want: "408"},
	{name: "sends half a chunk size and stops", change: bodyFor(short), begin: "POST /" + asked + "Transfer-Encoding: chunked\r\n\r\nfff", want: "408"},
	{name: "sends half a trailer and stops", change: bodyFor(short), begin: "POST /" + asked + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y", want: "408"},
	{name: "says nothing where a PROXY header must come", change: behindProxy(short)},
	{name: "sends half a PROXY header of version 2 and then byte after byte", change: behindProxy(short), begin: signature + "\x21\x11\x0f\xff", drip: "x"},
	{name: "says nothing after a reply over TLS", change: idleFor(5 * short), tls: true, spoken: true, begin: plainGet},
	{name: "sends half a body over TLS and stops", change: bodyFor(short), tls: true, spoken: true, begin: "POST /" + asked + "Content-Length: 1000000\r\n\r\nhalf", want: "408"},
	{name: "says nothing where TLS must come", change: headFor(short), tls: true},
	{name: "sends half a TLS record and then byte after byte", change: headFor(short), tls: true, begin: "\x16\x03\x01\x3f\xff\x01\x00", drip: "x"},
}

const (
	short = 200 * time.Millisecond
	drips = 5 * time.Millisecond // from one byte to the next
)

func idleFor(d time.Duration) func(*proxy.Config) { return func(c *proxy.Config) { c.IdleTimeout = d } }
func headFor(d time.Duration) func(*proxy.Config) {
	return func(c *proxy.Config) { c.HeaderTimeout = d }
}
func bodyFor(d time.Duration) func(*proxy.Config) { return func(c *proxy.Config) { c.BodyTimeout = d } }

func behindProxy(d time.Duration) func(*proxy.Config) {
	return func(c *proxy.Config) {
		c.HeaderTimeout, c.ProxyProtocol = d, true
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}
}

// TestSlowClientsAreCut has each client hold the proxy up: it is told so where it can be, and cut, and its backend is not
// troubled for longer.
func TestSlowClientsAreCut(t *testing.T) {
	t.Parallel()
	for _, row := range slowRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, func(cfg *proxy.Config) {
				row.change(cfg)
				if row.tls {
					overTLS(t)(cfg)
				}
			})
			c := g.dial(t).securedIf(row.spoken)
			c.send(row.begin)
			if strings.HasPrefix(row.begin, plainGet) {
				if got := c.reply(); got.raw() != ok {
					t.Errorf("got %q", got.raw())
				}
			}
			over := make(chan struct{})
			go c.drip(row.drip, over)
			if row.want != "" {
				if got := c.reply(); got.start[len("HTTP/1.1 "):][:3] != row.want || !c.lastCloses {
					t.Errorf("got %q, want %s and the connection closed", got.raw(), row.want)
				}
			}
			c.closed()
			c.Close() // what it may still send is waited for otherwise
			<-over
			eventually(t, "nothing is left", func() bool { return g.proxy.Stats().Connections == 0 })
			eventually(t, "no backend is held", func() bool { return g.backend(0).idle() })
		})
	}
}

// drip sends s again and again, one byte at a time, until the proxy takes no more of it; over is closed then.
func (c *client) drip(s string, over chan struct{}) {
	defer close(over)
	if s == "" {
		return
	}
	tick := time.NewTicker(drips)
	defer tick.Stop()
	for i := 0; ; i++ {
		<-tick.C
		if _, err := c.Write([]byte{s[i%len(s)]}); err != nil {
			return
		}
	}
}

// idle says that no request is at the backend, whole or not.
func (b *backend) idle() bool {
	for _, c := range b.all() {
		if !c.over() && !strings.HasSuffix(c.received(), "\r\n\r\n") {
			return false
		}
	}
	return true
}

// TestClientsThatDoNotReadAreCut has clients ask for more than the sockets hold and read none of it.
func TestClientsThatDoNotReadAreCut(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		request string
		secure  bool
	}{
		"a long reply":                        {get("/long"), false},
		"many replies, all asked at":          {strings.Repeat(get("/long"), 100), false},
		"a long reply over TLS":               {get("/long"), true},
		"many replies over TLS, all asked at": {strings.Repeat(get("/long"), 100), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, func(cfg *proxy.Config) {
				cfg.BodyTimeout = short
				if row.secure {
					overTLS(t)(cfg)
				}
			})
			g.backend(0).serve(func(c *backendConn) { c.next(); c.pour(200 << 20) })
			g.dial(t).securedIf(row.secure).send(row.request)
			eventually(t, "the client is accepted", func() bool { return g.backend(0).dialled() == 1 })
			eventually(t, "the backend is let go", func() bool { return g.backend(0).all()[0].over() })
			eventually(t, "nothing is left", func() bool { return g.proxy.Stats().Connections == 0 })
		})
	}
}

// pour sends a reply with a body of n bytes, as long as somebody takes it.
func (c *backendConn) pour(n int) {
	c.send("HTTP/1.1 200 OK\r\nContent-Length: " + decimal(n) + "\r\n\r\n")
	for part := make([]byte, 64<<10); n > 0; n -= len(part) {
		if _, err := c.Write(part[:min(n, len(part))]); err != nil {
			return
		}
	}
}
