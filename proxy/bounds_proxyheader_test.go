package proxy_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// namedRow is a PROXY header of a trusted peer, and what the backend is told of the client behind it.
type namedRow struct {
	name   string
	header string
	more   string // field lines of the request behind it
	says   string // "": the connection is closed and no backend troubled
}

// HAProxy's proxy-protocol.txt, sections 2.1 and 2.2; wire_carriers_test.go has the plainer ones.
var namedRows = []namedRow{
	{name: "version 1 names an IPv4 client in IPv6's form", header: "PROXY TCP6 ::ffff:1.2.3.4 ::1 1000 80\r\n", says: says4},
	{name: "version 2 names an IPv4 client in IPv6's form", header: header2(0x21, 0x21, mapped+ipv6[16:]), says: says4},
	{name: "version 2 may be 4 KiB long", header: header2(0x21, 0x11, ipv4+"\x04\x0f\x00"+strings.Repeat("x", 0xf00)), says: says4},
	{name: "a Unix client has no address", header: header2(0x21, 0x31, strings.Repeat("x", 216)), says: forwardedFor("a")},
	{name: "a named client cannot name another", header: named4, more: "X-Forwarded-For: 6.6.6.6\r\n", says: says4},
	{name: "a named client that is a trusted proxy can", header: "PROXY TCP4 127.0.0.9 5.6.7.8 1000 80\r\n", more: "X-Forwarded-For: 6.6.6.6, 1.2.3.4\r\n",
		says: says("6.6.6.6, 1.2.3.4, 127.0.0.9", "http", "a", "1.2.3.4")},
	{name: "half a signature is none", header: "PROX"},
	{name: "a signature that goes on is none", header: "PROXYS TCP4 1.2.3.4 5.6.7.8 1000 80\r\n"},
	{name: "an address has leading zeros", header: "PROXY TCP4 01.2.3.4 5.6.7.8 1000 80\r\n"},
	{name: "an address has a zone", header: "PROXY TCP6 fe80::1%lo fe80::2 1000 80\r\n"},
	{name: "a name is no address", header: "PROXY TCP4 localhost localhost 1000 80\r\n"},
	{name: "a port is too large", header: "PROXY TCP4 1.2.3.4 5.6.7.8 65536 80\r\n"},
	{name: "a port is negative", header: "PROXY TCP4 1.2.3.4 5.6.7.8 -1 80\r\n"},
	{name: "two spaces are one too many", header: "PROXY TCP4  1.2.3.4 5.6.7.8 1000 80\r\n"},
	{name: "a protocol of which nothing is known", header: "PROXY UDP4 1.2.3.4 5.6.7.8 1000 80\r\n"},
	{name: "a line of 108 bytes", header: "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n"},
	{name: "a family of which nothing is known", header: header2(0x21, 0x41, ipv4)},
	{name: "60 KiB behind the address", header: header2(0x21, 0x11, ipv4+strings.Repeat("x", 60000))},
}

const (
	named4 = "PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\r\n"
	mapped = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x01\x02\x03\x04"
)

var says4 = says("1.2.3.4", "http", "a", "1.2.3.4")

// namedRuns calls run over TCP and over TLS, with a proxy that trusts all of loopback to send PROXY headers. The headers are
// in the clear in either case.
func namedRuns(t *testing.T, run func(t *testing.T, g *rig, overTCP bool), changes ...func(*proxy.Config)) {
	t.Parallel()
	changes = append(changes, func(cfg *proxy.Config) {
		cfg.ProxyProtocol, cfg.TrustedProxies = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	start := func(t *testing.T, changes ...func(*proxy.Config)) *rig {
		return startProxy(t, 1, func(cfg *proxy.Config) {
			for _, change := range changes {
				change(cfg)
			}
		})
	}
	t.Run("TCP", func(t *testing.T) { run(t, start(t, changes...), true) })
	t.Run("TLS", func(t *testing.T) { run(t, start(t, append(changes, overTLS(t))...), false) })
}

func TestProxyHeaders(t *testing.T) {
	namedRuns(t, func(t *testing.T, g *rig, overTCP bool) {
		for _, row := range namedRows {
			t.Run(row.name, func(t *testing.T) { g.named(t, row, overTCP) })
		}
	})
}

// named sends the row's header with a request behind it, and holds what the backend is told against the row.
func (g *rig) named(t *testing.T, row namedRow, overTCP bool) {
	before := len(g.backend(0).seen())
	c := g.dial(t)
	defer c.Close()
	request := "GET /row" + asked + row.more + "\r\n"
	if overTCP {
		c.send(row.header + request)
	} else {
		c.send(row.header)
		row.says = strings.ReplaceAll(row.says, "Proto: http\r\n", "Proto: https\r\n")
		c.secured()
		c.wait()
		_, _ = c.Write([]byte(request)) // fails where there is no handshake
	}
	c.wait()
	got, err := readReply(c.r, "GET")
	seen := g.backend(0).seen()[before:]
	if row.says == "" {
		if err == nil || len(seen) > 0 {
			t.Errorf("got %q; the backend got %v", got.raw(), starts(seen))
		}
		return
	}
	if got.raw() != ok || len(seen) != 1 {
		t.Fatalf("got %q; the backend got %v", got.raw(), starts(seen))
	}
	if want := "GET /row" + asked + row.says + "\r\n"; seen[0].raw() != want {
		t.Errorf("the backend got %q, want %q", seen[0].raw(), want)
	}
}

// TestProxyHeadersArrive together with much or little of what is behind them, none of which is lost.
func TestProxyHeadersArrive(t *testing.T) {
	namedRuns(t, func(t *testing.T, g *rig, overTCP bool) {
		if !overTCP {
			return // the client's first flight of TLS cannot be had apart from the connection
		}
		long := "POST /row" + asked + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000)
		second := header2(0x21, 0x11, ipv4)
		for name, parts := range map[string][]string{
			"version 1 with a request of many segments": {named4 + long},
			"version 2 with a request of many segments": {second + long},
			"version 1 with a request and a half":       {named4 + get("/row") + plainGet[:10], plainGet[10:]},
			"version 2 with several requests":           {second + get("/row") + plainGet + plainGet},
			"version 2 in a segment of its own":         {second, plainGet},
		} {
			t.Run(name, func(t *testing.T) {
				before := len(g.backend(0).seen())
				c := g.dial(t)
				defer c.Close()
				for _, part := range parts {
					c.send(part)
				}
				for range strings.Count(strings.Join(parts, ""), "HTTP/1.1") {
					if got := c.reply(); got.raw() != ok {
						t.Fatalf("got %q", got.raw())
					}
				}
				for _, m := range g.backend(0).seen()[before:] {
					if got := m.value("X-Real-IP"); got != "1.2.3.4" {
						t.Errorf("the client is taken for %q", got)
					}
				}
			})
		}
	})
}

// TestASecondProxyHeader is no header: it comes from whoever is behind the trusted peer, inside of TLS if there is any.
func TestASecondProxyHeader(t *testing.T) {
	namedRuns(t, func(t *testing.T, g *rig, overTCP bool) {
		c := g.dial(t)
		c.send(named4)
		if !overTCP {
			c.secured()
		}
		if got := c.ask(named4 + plainGet); got.status() != 400 {
			t.Errorf("got %q", got.raw())
		}
		if n := g.backend(0).dialled(); n > 0 {
			t.Error("a backend was troubled")
		}
	})
}
