package proxy_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// forwardRow is a request and what the backend gets of it; both are given as the field lines behind Host.
type forwardRow struct {
	name string
	line string // the request line; "": GET /row HTTP/1.1
	send string // with the body
	want string // without what the proxy says of the client
	says string // what it says; "": what it says of everybody on loopback
	body string
}

// RFC 9110 section 7.6.1.
var hopRows = []forwardRow{
	{name: "nothing is invented"},
	{name: "order, case and repetition are kept", send: "zZ: 1\r\nA: 2\r\nzz: 3\r\n", want: "zZ: 1\r\nA: 2\r\nzz: 3\r\n"},
	{name: "Connection: close is between the client and us", send: "Connection: close\r\nA: b\r\n", want: "A: b\r\n"},
	{name: "Connection takes what it names", send: "Connection: A, b\r\nA: 1\r\nB: 2\r\nC: 3\r\n", want: "C: 3\r\n"},
	{name: "Connection takes what it names however often", send: "A: 1\r\nConnection: a\r\na: 2\r\nConnection: B\r\nB: 3\r\n"},
	{name: "Connection may take credentials", send: "Connection: Authorization\r\nAuthorization: Basic x\r\n"},
	{name: "Connection cannot take Host", send: "Connection: Host\r\n"},
	{name: "Connection cannot take cookies", send: "Connection: Cookie\r\nCookie: a=1\r\n", want: "Cookie: a=1\r\n"},
	{name: "Connection cannot take the length", line: "POST /row HTTP/1.1", send: "Connection: Content-Length\r\nContent-Length: 2\r\n", want: "Content-Length: 2\r\n", body: "hi"},
	{name: "Connection cannot take the coding", line: "POST /row HTTP/1.1", send: "Connection: Transfer-Encoding\r\nContent-Length: 2\r\n", want: "Content-Length: 2\r\n", body: "hi"},
	{name: "Connection cannot take X-Forwarded-For", send: "Connection: close, X-Forwarded-For\r\n"},
	{name: "Connection cannot take X-Forwarded-Proto", send: "Connection: close, X-Forwarded-Proto\r\n"},
	{name: "Connection cannot take X-Forwarded-Host", send: "Connection: close, X-Forwarded-Host\r\n"},
	{name: "Connection cannot take X-Real-IP", send: "Connection: close, X-Real-IP\r\n"},
	{name: "Connection cannot take what the client says of itself either", send: "Connection: X-Forwarded-For\r\nX-Forwarded-For: 6.6.6.6\r\n"},
	{name: "Keep-Alive ends here", send: "Keep-Alive: timeout=5\r\n"},
	{name: "Proxy-Connection ends here", send: "Proxy-Connection: keep-alive\r\n"},
	{name: "Proxy-Authorization ends here", send: "Proxy-Authorization: Basic x\r\n"},
	{name: "TE ends here", send: "TE: trailers\r\n"},
	{name: "Trailer ends here", send: "Trailer: X\r\n"},
	{name: "Upgrade ends here unless it is to WebSocket", send: "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n"},
	{name: "Upgrade-Insecure-Requests is another field", send: "Upgrade-Insecure-Requests: 1\r\n", want: "Upgrade-Insecure-Requests: 1\r\n"},
	{name: "Expect is met here", line: "POST /row HTTP/1.0", send: "Expect: 100-continue\r\nContent-Length: 2\r\n", want: "Content-Length: 2\r\n", body: "hi"},
	{name: "HTTP/1.0 goes on as HTTP/1.1", line: "GET /row HTTP/1.0", send: "A: b\r\n", want: "A: b\r\n"},
	{name: "credentials go on", send: "Authorization: Basic dTpw\r\n", want: "Authorization: Basic dTpw\r\n"},
	{name: "several Cookie fields stay several", send: "Cookie: a=1\r\nCookie: b=2\r\n", want: "Cookie: a=1\r\nCookie: b=2\r\n"},
	{name: "a range goes on", send: "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n", want: "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n"},
	{name: "Via is not ours to touch", send: "Via: 1.1 x\r\n", want: "Via: 1.1 x\r\n"},
	{name: "a POST without Content-Type gets none", line: "POST /row HTTP/1.1", send: "Content-Length: 2\r\n", want: "Content-Length: 2\r\n", body: "hi"},
	{name: "a POST without a length gets none", line: "POST /row HTTP/1.1"},
	{name: "a length of zero stays", line: "POST /row HTTP/1.1", send: "Content-Length: 0\r\n", want: "Content-Length: 0\r\n"},
	{name: "multipart is not touched", line: "POST /row HTTP/1.1",
		send: "Content-Type: multipart/form-data; boundary=\"x\"\r\nContent-Length: 66\r\n",
		want: "Content-Type: multipart/form-data; boundary=\"x\"\r\nContent-Length: 66\r\n",
		body: "--x\r\nContent-Disposition: form-data; name=a; name=\"b\"\r\n\r\n1\r\n--x--\n"},
	{name: "the key of a WebSocket without an upgrade goes on", send: "Sec-WebSocket-Key: x\r\n", want: "Sec-WebSocket-Key: x\r\n"},
	{name: "a plain request keeps Accept-Encoding", send: "Accept-Encoding: gzip\r\n", want: "Accept-Encoding: gzip\r\n"},
	{name: "a polling handshake loses Accept-Encoding", line: "GET /socket.io/?EIO=4&transport=polling HTTP/1.1", send: "Accept-Encoding: gzip\r\nA: b\r\n", want: "A: b\r\n"},
	{name: "a POST without sid keeps Accept-Encoding", line: "POST /socket.io/?EIO=4&transport=polling HTTP/1.1", send: "Accept-Encoding: gzip\r\n", want: "Accept-Encoding: gzip\r\n"},
	{name: "a preflight keeps Accept-Encoding", line: "OPTIONS /socket.io/?EIO=4&transport=polling HTTP/1.1", send: "Accept-Encoding: gzip\r\n", want: "Accept-Encoding: gzip\r\n"},
	{name: "a target goes on byte for byte", line: "GET //a/%2e./..;/?a=%zz&&b;c=+&?= HTTP/1.1"},
	{name: "an asterisk goes on", line: "OPTIONS * HTTP/1.1"},
}

// Who the client is, when nobody in front of the proxy is trusted.
var spoofedRows = []forwardRow{
	{name: "X-Forwarded-For is spoofed", send: "X-Forwarded-For: 6.6.6.6\r\n"},
	{name: "X-Forwarded-For in lower case is spoofed", send: "x-forwarded-for: 6.6.6.6\r\n"},
	{name: "X-Forwarded-For twice is spoofed twice", send: "X-Forwarded-For: 6.6.6.6\r\nA: b\r\nX-Forwarded-For: 127.0.0.1\r\n", want: "A: b\r\n"},
	{name: "an empty X-Forwarded-For is spoofed", send: "X-Forwarded-For:\r\n"},
	{name: "X-Forwarded-Proto is spoofed", send: "X-Forwarded-Proto: https\r\n"},
	{name: "X-Forwarded-Host is spoofed", send: "X-Forwarded-Host: evil\r\n"},
	{name: "X-Real-IP is spoofed", send: "X-Real-IP: 6.6.6.6\r\n"},
	{name: "Forwarded is spoofed", send: "Forwarded: for=6.6.6.6;host=evil\r\n"},
	{name: "X-Forwarded-Port is spoofed", send: "X-Forwarded-Port: 443\r\n"},
	{name: "X-Forwarded-Prefix is spoofed", send: "X-Forwarded-Prefix: /admin\r\n"},
	{name: "any X-Forwarded- field is spoofed", send: "X-Forwarded-Whatever: 1\r\n"},
	{name: "X_Forwarded_For is taken for the real one by some", send: "X_Forwarded_For: 6.6.6.6\r\n"},
	{name: "X_FORWARDED_FOR is taken for the real one by some", send: "X_FORWARDED_FOR: 6.6.6.6\r\n"},
	{name: "X-Forwarded_Proto is taken for the real one by some", send: "X-Forwarded_Proto: https\r\n"},
	{name: "X_Forwarded-Host is taken for the real one by some", send: "X_Forwarded-Host: evil\r\n"},
	{name: "X_Real_IP is taken for the real one by some", send: "X_Real_IP: 6.6.6.6\r\n"},
	{name: "X_Forwarded_Port is taken for the real one by some", send: "X_Forwarded_Port: 443\r\n"},
	{name: "X-ForwardedFor is another field", send: "X-ForwardedFor: 1\r\n", want: "X-ForwardedFor: 1\r\n"},
	{name: "True-Client-IP is another field", send: "True-Client-IP: 1\r\n", want: "True-Client-IP: 1\r\n"},
	{name: "X-Real-IPs is another field", send: "X-Real-IPs: 1\r\n", want: "X-Real-IPs: 1\r\n"},
	{name: "Host with a port goes on as X-Forwarded-Host", line: "GET http://b:81/row HTTP/1.1", says: forwardedFor("b:81")},
}

// says builds what a trusted proxy's account becomes.
func says(chain, proto, host, client string) string {
	return "X-Forwarded-For: " + chain + "\r\nX-Forwarded-Proto: " + proto + "\r\nX-Forwarded-Host: " + host + "\r\nX-Real-IP: " + client + "\r\n"
}

// Who the client is, when the peer, 127.0.0.1, and its whole network are trusted.
var trustedRows = []forwardRow{
	{name: "a trusted peer that says nothing is the client"},
	{name: "the chain is continued", send: "X-Forwarded-For: 1.2.3.4\r\n", says: says("1.2.3.4, 127.0.0.1", "http", "a", "1.2.3.4")},
	{name: "the client is the right-most address that is not trusted", send: "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 127.0.0.9\r\n",
		says: says("6.6.6.6, 1.2.3.4, 127.0.0.9, 127.0.0.1", "http", "a", "1.2.3.4")},
	{name: "the client is the left-most where all are trusted", send: "X-Forwarded-For: 127.0.0.8,127.0.0.9\r\n",
		says: says("127.0.0.8,127.0.0.9, 127.0.0.1", "http", "a", "127.0.0.8")},
	{name: "several lines are one chain", send: "X-Forwarded-For: 6.6.6.6\r\nA: b\r\nX-Forwarded-For: 1.2.3.4\r\n", want: "A: b\r\n",
		says: says("6.6.6.6, 1.2.3.4, 127.0.0.1", "http", "a", "1.2.3.4")},
	{name: "an empty chain is none", send: "X-Forwarded-For:\r\n"},
	{name: "what is no address ends the chain", send: "X-Forwarded-For: 6.6.6.6, x, 127.0.0.9\r\n",
		says: says("6.6.6.6, x, 127.0.0.9, 127.0.0.1", "http", "a", "127.0.0.9")},
	{name: "unknown is no address", send: "X-Forwarded-For: unknown\r\n", says: says("unknown, 127.0.0.1", "http", "a", "127.0.0.1")},
	{name: "a port is not part of the address", send: "X-Forwarded-For: 1.2.3.4:5678\r\n", says: says("1.2.3.4:5678, 127.0.0.1", "http", "a", "1.2.3.4")},
	{name: "an IPv6 address may be bare", send: "X-Forwarded-For: 2001:db8::1\r\n", says: says("2001:db8::1, 127.0.0.1", "http", "a", "2001:db8::1")},
	{name: "an IPv6 address may be in brackets", send: "X-Forwarded-For: [2001:db8::1]\r\n", says: says("[2001:db8::1], 127.0.0.1", "http", "a", "2001:db8::1")},
	{name: "an IPv6 address may have a port", send: "X-Forwarded-For: [2001:db8::1]:443\r\n", says: says("[2001:db8::1]:443, 127.0.0.1", "http", "a", "2001:db8::1")},
	{name: "a mapped address is an IPv4 address", send: "X-Forwarded-For: ::ffff:1.2.3.4\r\n", says: says("::ffff:1.2.3.4, 127.0.0.1", "http", "a", "1.2.3.4")},
	{name: "a mapped address of a trusted network is trusted", send: "X-Forwarded-For: 1.2.3.4, ::ffff:127.0.0.9\r\n",
		says: says("1.2.3.4, ::ffff:127.0.0.9, 127.0.0.1", "http", "a", "1.2.3.4")},
	{name: "the scheme is believed", send: "X-Forwarded-Proto: https\r\n", says: says("127.0.0.1", "https", "a", "127.0.0.1")},
	{name: "the host is believed", send: "X-Forwarded-Host: public.example\r\n", says: says("127.0.0.1", "http", "public.example", "127.0.0.1")},
	{name: "X-Real-IP is ours to say", send: "X-Real-IP: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n", says: says("1.2.3.4, 127.0.0.1", "http", "a", "1.2.3.4")},
	{name: "Forwarded goes on", send: "Forwarded: for=1.2.3.4\r\n", want: "Forwarded: for=1.2.3.4\r\n"},
	{name: "X-Forwarded-Port goes on", send: "X-Forwarded-Port: 443\r\n", want: "X-Forwarded-Port: 443\r\n"},
	{name: "look-alikes are dropped all the same", send: "X_Forwarded_For: 6.6.6.6\r\nX-Real_IP: 6.6.6.6\r\n"},
	{name: "Connection cannot break the chain", send: "Connection: X-Forwarded-For\r\nX-Forwarded-For: 1.2.3.4\r\n",
		says: says("1.2.3.4, 127.0.0.1", "http", "a", "1.2.3.4")},
	{name: "empty members of the chain do not count", send: "X-Forwarded-For: 1.2.3.4, ,127.0.0.9,\r\n",
		says: says("1.2.3.4, ,127.0.0.9,, 127.0.0.1", "http", "a", "1.2.3.4")}, // RFC 9110 section 5.6.1.2
}

func TestForwarding(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, family := range []struct {
		name    string
		rows    []forwardRow
		trusted []netip.Prefix
	}{
		{"hop-by-hop", hopRows, nil},
		{"spoofed", spoofedRows, nil},
		{"trusted", trustedRows, loopback},
		{"hop-by-hop from a trusted peer", hopRows, loopback},
	} {
		t.Run(family.name, func(t *testing.T) {
			t.Parallel()
			k := &corpusRun{rig: startProxy(t, 1, func(cfg *proxy.Config) { cfg.TrustedProxies = family.trusted })}
			for _, row := range family.rows {
				if family.trusted != nil && strings.Contains(row.send, "X-Forwarded-For: 6") && row.says == "" {
					continue // what is spoofed for others counts here
				}
				t.Run(row.name, func(t *testing.T) { k.forward(t, row) })
			}
		})
	}
}

func (k *corpusRun) forward(t *testing.T, row forwardRow) {
	k.before = k.backend(0).received()
	if row.line == "" {
		row.line = "GET /row HTTP/1.1"
	}
	if row.says == "" {
		row.says = forwardedFor("a")
	}
	c := k.dial(t)
	defer c.Close()
	if got := c.ask(row.line + "\r\nHost: a\r\n" + row.send + "\r\n" + row.body); got.body != "ok" {
		t.Errorf("got %q", got.raw())
	}
	parts := strings.Split(row.line, " ")
	host := "a"
	if rest, ok := strings.CutPrefix(parts[1], "http://"); ok {
		host, parts[1], _ = strings.Cut(rest, "/")
		parts[1] = "/" + parts[1]
	}
	k.reached(t, c, parts[0]+" "+parts[1]+" HTTP/1.1\r\nHost: "+host+"\r\n"+row.want+row.says+"\r\n"+row.body)
}
