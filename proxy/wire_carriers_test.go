package proxy_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/proxy/http1/http1test"
	"github.com/holdfast-proxy/holdfast/proxy/tlstest"
	"github.com/holdfast-proxy/holdfast/routing"
)

// prefaceRow is what a trusted peer sends before its first request, and the client that the backend is told of.
type prefaceRow struct {
	name    string
	preface string
	client  string // "": the connection is closed without a word
}

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// header2 is a PROXY header of version 2: version and command, family and protocol, and the rest.
func header2(command, family byte, rest string) string {
	length := binary.BigEndian.AppendUint16(nil, uint16(len(rest)))
	return signature + string([]byte{command, family}) + string(length) + rest
}

const (
	ipv4 = "\x01\x02\x03\x04\x7f\x00\x00\x01\x04\xd2\x00\x50"
	ipv6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x04\xd2\x00\x50"
)

// HAProxy's proxy-protocol.txt, sections 2.1 and 2.2.
var prefaceRows = []prefaceRow{
	{"version 1 names an IPv4 client", "PROXY TCP4 1.2.3.4 127.0.0.1 1234 80\r\n", "1.2.3.4"},
	{"version 1 names an IPv6 client", "PROXY TCP6 2001:db8::1 ::1 1234 80\r\n", "2001:db8::1"},
	{"version 1 knows no client", "PROXY UNKNOWN\r\n", "127.0.0.1"},
	{"version 1 knows no client and says more", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "127.0.0.1"},
	{"version 2 names an IPv4 client", header2(0x21, 0x11, ipv4), "1.2.3.4"},
	{"version 2 names an IPv6 client", header2(0x21, 0x21, ipv6), "2001:db8::1"},
	{"version 2 is a health check's", header2(0x20, 0x00, ""), "127.0.0.1"},
	{"version 2 is a health check's and names somebody all the same", header2(0x20, 0x11, ipv4), "127.0.0.1"},
	{"version 2 has more to say", header2(0x21, 0x11, ipv4+"\x04\x00\x02hi"), "1.2.3.4"},

	{"no header", "", ""},
	{"version 1 in small letters", "proxy TCP4 1.2.3.4 127.0.0.1 1234 80\r\n", ""},
	{"version 1 with a malformed address", "PROXY TCP4 1.2.3 127.0.0.1 1234 80\r\n", ""},
	{"version 1 with an address of the other family", "PROXY TCP4 2001:db8::1 ::1 1234 80\r\n", ""},
	{"version 1 with a malformed port", "PROXY TCP4 1.2.3.4 127.0.0.1 x 80\r\n", ""},
	{"version 1 with too little", "PROXY TCP4 1.2.3.4\r\n", ""},
	{"version 1 with a bare LF", "PROXY TCP4 1.2.3.4 127.0.0.1 1234 80\n", ""},
	{"version 1 without an end", "PROXY TCP4 " + strings.Repeat("1", 200), ""},
	{"version 3", header2(0x31, 0x11, ipv4), ""},
	{"version 2 with an unknown command", header2(0x2f, 0x11, ipv4), ""},
	{"version 2 for a client of no family, which a receiver is free to reject", header2(0x21, 0x00, ""), ""},
	{"version 2 that is too short for its addresses", header2(0x21, 0x11, ipv4[:8]), ""},
}

// TestPrefaces sends PROXY headers from a trusted peer, in one write with the first request and byte by byte.
func TestPrefaces(t *testing.T) {
	t.Parallel()
	k := newPrefaceRun(t, "127.0.0.0/8")
	for _, row := range prefaceRows {
		for _, dripped := range []bool{false, true} {
			t.Run(row.name+map[bool]string{true: ", byte by byte"}[dripped], func(t *testing.T) { k.preface(t, row, dripped) })
		}
	}
}

func newPrefaceRun(t *testing.T, trusted string) *corpusRun {
	return &corpusRun{rig: startProxy(t, 1, func(cfg *proxy.Config) {
		cfg.ProxyProtocol, cfg.TrustedProxies = true, []netip.Prefix{netip.MustParsePrefix(trusted)}
	})}
}

func (k *corpusRun) preface(t *testing.T, row prefaceRow, dripped bool) {
	before := len(k.backend(0).seen())
	c := k.dial(t)
	defer c.Close()
	all := row.preface + "GET /row HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
	if dripped {
		for i := range len(all) {
			c.send(all[i : i+1])
		}
	} else {
		c.send(all)
	}
	if row.client == "" {
		c.closed()
		if n := len(k.backend(0).seen()); n != before {
			t.Error("the request reached the backend")
		}
		return
	}
	if got := c.reply(); got.raw() != ok {
		t.Errorf("got %q", got.raw())
	}
	seen := k.backend(0).seen()
	want := says(row.client, "http", "a", row.client)
	if row.client == "127.0.0.1" { // the peer itself is trusted, also with what it says of others
		want = says("6.6.6.6, 127.0.0.1", "http", "a", "6.6.6.6")
	}
	if head := seen[len(seen)-1].head; !strings.HasSuffix(head, want+"\r\n") {
		t.Errorf("the backend got %q, want %q", head, want)
	}
	if got := c.ask(plainGet); got.raw() != ok {
		t.Errorf("the request after it got %q", got.raw())
	}
}

// TestPrefaceOfStranger has somebody who is not trusted send a PROXY header: it is no request.
func TestPrefaceOfStranger(t *testing.T) {
	t.Parallel()
	k := newPrefaceRun(t, "10.0.0.0/8")
	for _, row := range prefaceRows[:9] {
		c := k.dial(t)
		c.send(row.preface + plainGet)
		if got := c.reply(); got.status() != 400 {
			t.Errorf("%s: got %q", row.name, got.raw())
		}
		c.closed()
	}
	if got := k.dial(t).ask(plainGet); got.raw() != ok {
		t.Errorf("a stranger without a header got %q", got.raw())
	}
	if n := len(k.backend(0).seen()); n != 1 {
		t.Errorf("the backend got %d requests, want 1", n)
	}
}

// secured puts TLS over a client's connection.
func (c *client) secured() *client {
	// The one curve that is computed in assembly, and so at the same speed under the race detector.
	tc := tls.Client(c.tcp, &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.CurveP256}})
	c.conn, c.r = securedConn{tc}, bufio.NewReader(tc)
	return c
}

// securedConn ends as a TCP connection does, with a FIN, behind its farewell.
type securedConn struct{ *tls.Conn }

func (c securedConn) CloseWrite() error {
	if err := c.Conn.CloseWrite(); err != nil {
		return err
	}
	return c.NetConn().(*net.TCPConn).CloseWrite()
}

// TestCorpusOverTLS sends a part of the corpus over TLS: the same rules hold for every carrier.
func TestCorpusOverTLS(t *testing.T) {
	t.Parallel()
	k := &corpusRun{secure: true, rig: startProxy(t, 1, func(cfg *proxy.Config) {
		cfg.MaxBodyBytes = math.MaxInt64
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{tlstest.Certificate()}, NextProtos: []string{"http/1.1"}}
	})}
	k.backend(0).serve(answeringOrEchoing)
	for _, file := range []string{"framing.txt", "syntax.txt", "upgrades.txt"} {
		for i, row := range http1test.Load(t, corpus+file) {
			if i%5 == 0 {
				t.Run(file+"/"+row.Name, func(t *testing.T) { k.row(t, row) })
			}
		}
	}
}

// TestPlainOnTLS speaks plain HTTP to a TLS port.
func TestPlainOnTLS(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, func(cfg *proxy.Config) {
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{tlstest.Certificate()}}
	})
	c := g.dial(t)
	c.send(plainGet)
	if rest := c.rest(); strings.Contains(rest, " 200 ") || len(g.backend(0).seen()) > 0 {
		t.Errorf("got %q", rest)
	}
}

// TestUnixBackend reaches a backend by a socket of the file system, with requests and a tunnel.
func TestUnixBackend(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 0, nil)
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "b"))
	if err != nil {
		t.Fatal(err)
	}
	b := startBackendOn(t, "u", ln)
	b.serve(answeringOrEchoing)
	if err := g.pool.Set([]routing.BackendConfig{{ID: b.id, URL: b.url()}}); err != nil {
		t.Fatal(err)
	}
	c := g.dial(t)
	for _, request := range []string{plainGet, "POST /x" + asked + "Content-Length: 2\r\n\r\nhi"} {
		if got := c.ask(request); got.raw() != ok {
			t.Errorf("got %q", got.raw())
		}
	}
	if got := c.ask(upgradeRequest); got.raw() != switched {
		t.Errorf("got %q", got.raw())
	}
	c.send("echo")
	if got := c.read(4); got != "echo" {
		t.Errorf("got %q", got)
	}
}
