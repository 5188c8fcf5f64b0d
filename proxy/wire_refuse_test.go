package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
)

// refuseRow is a request that the proxy itself answers, with these bytes and no others.
type refuseRow struct {
	name    string
	prepare func(t *testing.T, g *rig) // what the backends are like; nil: one that serves, one that is down
	request string
	want    string
	reaches bool // a backend gets the request all the same
}

// said is the proxy's own reply: status, content type, body, and more field lines.
func said(status, contentType, body, more string) string {
	return "HTTP/1.1 " + status + "\r\nContent-Type: " + contentType + "\r\nContent-Length: " + decimal(len(body)) +
		"\r\nCache-Control: no-store\r\n" + more + "\r\n" + body
}

const (
	asText    = "text/plain; charset=utf-8"
	codeOne   = `{"code":1,"message":"Session ID unknown"}`
	asked     = " HTTP/1.1\r\nHost: a\r\n"
	closes    = "Connection: close\r\n"
	fromPage  = "Origin: https://page.example\r\n"
	cors      = "Access-Control-Allow-Origin: https://page.example\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n"
	noBackend = "no backend available\n"
)

func allDown(_ *testing.T, g *rig) {
	for _, b := range g.backends {
		g.pool.SetState(b.id, routing.Down)
	}
}

func mute(_ *testing.T, g *rig) { g.backend(0).serve(func(c *backendConn) { c.drain() }) }

func dead(_ *testing.T, g *rig) { g.backend(0).serve(func(c *backendConn) { c.next() }) }

func gone(t *testing.T, g *rig) {
	g.session(t, 0, "gone").Close()
	allDown(t, g)
}

var refuseRows = []refuseRow{
	{name: "a poll of an unknown sid", request: "GET " + pollTarget + "x" + asked + "\r\n", want: said("400 Bad Request", "application/json", codeOne, "")},
	{name: "a POST of an unknown sid", request: post("x"), want: said("400 Bad Request", "application/json", codeOne, "")},
	{name: "a JSONP poll of an unknown sid is not wrapped", request: "GET " + pollTarget + "x&j=0" + asked + "\r\n", want: said("400 Bad Request", "application/json", codeOne, "")},
	{name: "an upgrade of an unknown sid", request: "GET " + pollTarget + "x" + asked + upgradeFields + "\r\n",
		want: said("400 Bad Request", "text/plain; charset=UTF-8", "Session ID unknown", closes)},
	{name: "an upgrade of an unknown sid from a page", request: "GET " + pollTarget + "x" + asked + fromPage + upgradeFields + "\r\n",
		want: said("400 Bad Request", "text/plain; charset=UTF-8", "Session ID unknown", cors+closes)},
	{name: "a poll from a page of another origin", request: "GET " + pollTarget + "x" + asked + fromPage + "\r\n", want: said("400 Bad Request", "application/json", codeOne, cors)},
	{name: "a poll from a page without an origin", request: "GET " + pollTarget + "x" + asked + "Origin: null\r\n\r\n",
		want: said("400 Bad Request", "application/json", codeOne, strings.ReplaceAll(cors, "https://page.example", "null"))},
	{name: "a poll of an HTTP/1.0 client", request: "GET " + pollTarget + "x HTTP/1.0\r\nHost: a\r\n\r\n", want: said("400 Bad Request", "application/json", codeOne, closes)},
	{name: "a poll of an HTTP/1.0 client that stays", request: "GET " + pollTarget + "x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
		want: said("400 Bad Request", "application/json", codeOne, "Connection: keep-alive\r\n")},
	{name: "a poll that is to be the last", request: "GET " + pollTarget + "x" + asked + closes + "\r\n", want: said("400 Bad Request", "application/json", codeOne, closes)},
	{name: "a POST whose body has not come", request: "POST " + pollTarget + "x" + asked + "Content-Length: 9\r\n\r\n4",
		want: said("400 Bad Request", "application/json", codeOne, closes)},
	{name: "a chunked POST whose body has come", request: "POST " + pollTarget + "x" + asked + "Transfer-Encoding: chunked\r\n\r\n1\r\n4\r\n0\r\n\r\n",
		want: said("400 Bad Request", "application/json", codeOne, "")},
	{name: "a disguised sid from a page", request: "GET /socket.io/?EIO=4&s%69d=x" + asked + fromPage + "\r\n", want: said("400 Bad Request", asText, disguised+"\n", cors)},

	{name: "a session whose backend is gone", prepare: gone, request: poll("gone"), want: said("400 Bad Request", "application/json", codeOne, "")},
	{name: "a POST of a session whose backend is gone", prepare: gone, request: post("gone"), want: said("400 Bad Request", "application/json", codeOne, "")},
	{name: "an upgrade of a session whose backend is gone", prepare: gone, request: "GET " + pollTarget + "gone" + asked + upgradeFields + "\r\n",
		want: said("400 Bad Request", "text/plain; charset=UTF-8", "Session ID unknown", closes)},
	{name: "a handshake that nobody can serve", prepare: allDown, request: handshake4, want: said("503 Service Unavailable", asText, noBackend, "")},
	{name: "a handshake from a page that nobody can serve", prepare: allDown, request: "GET " + handshakeTarget + asked + fromPage + "\r\n",
		want: said("503 Service Unavailable", asText, noBackend, cors)},
	{name: "a page that nobody can serve", prepare: allDown, request: plainGet, want: said("503 Service Unavailable", asText, noBackend, "")},
	{name: "a HEAD that nobody can serve", prepare: allDown, request: headRow, want: strings.TrimSuffix(said("503 Service Unavailable", asText, noBackend, ""), noBackend)},
	{name: "an upgrade that nobody can serve", prepare: allDown, request: upgradeRequest, want: said("503 Service Unavailable", asText, noBackend, closes)},
	{name: "an upload that nobody can serve", prepare: allDown, request: "POST /x" + asked + "Content-Length: 100000\r\n\r\n4", want: said("503 Service Unavailable", asText, noBackend, closes)},
	{name: "an upload that expects 100 and that nobody can serve", prepare: allDown, request: "POST /x" + asked + "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n",
		want: said("503 Service Unavailable", asText, noBackend, closes)},
	{name: "a backend that says nothing", prepare: mute, request: plainGet, want: said("504 Gateway Timeout", asText, "gateway timeout\n", ""), reaches: true},
	{name: "a backend that says nothing to a page of another origin", prepare: mute, request: "GET /x" + asked + fromPage + "\r\n",
		want: said("504 Gateway Timeout", asText, "gateway timeout\n", cors), reaches: true},
	{name: "a backend that hangs up", prepare: dead, request: plainGet, want: badGateway, reaches: true},
	{name: "a backend that hangs up on a HEAD", prepare: dead, request: headRow, want: strings.TrimSuffix(badGateway, "bad gateway\n"), reaches: true},

	{name: "TRACE is told what is allowed", request: "TRACE /x" + asked + "\r\n", // RFC 9110 section 15.5.6
		want: said("405 Method Not Allowed", asText, "method not allowed\n", allow)},
	{name: "CONNECT is told what is allowed", request: "CONNECT a:443" + asked + "\r\n",
		want: said("405 Method Not Allowed", asText, "method not allowed\n", allow+closes)},
	{name: "an expectation of HEAD", request: "HEAD /x" + asked + "Expect: x\r\n\r\n",
		want: strings.TrimSuffix(said("417 Expectation Failed", asText, "expectation not supported\n", ""), "expectation not supported\n")},
	{name: "an expectation of a client that wants to leave", request: "GET /x" + asked + closes + "Expect: x\r\n\r\n",
		want: said("417 Expectation Failed", asText, "expectation not supported\n", closes)},
	{name: "an expectation of a page", request: "GET /x" + asked + fromPage + "Expect: x\r\n\r\n",
		want: said("417 Expectation Failed", asText, "expectation not supported\n", cors)},
	{name: "a body above the limit", request: "POST /x" + asked + "Content-Length: 1001\r\n\r\n", want: said("413 Content Too Large", asText, "body too large\n", closes)},
	{name: "a body above the limit from a page", request: "POST /x" + asked + fromPage + "Content-Length: 1001\r\n\r\n", want: said("413 Content Too Large", asText, "body too large\n", cors+closes)},
	{name: "a HEAD with a body above the limit", request: "HEAD /x" + asked + "Content-Length: 1001\r\n\r\n",
		want: strings.TrimSuffix(said("413 Content Too Large", asText, "body too large\n", closes), "body too large\n")},
	{name: "chunks above the limit", request: "POST /x" + asked + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n", want: said("413 Content Too Large", asText, "body too large\n", closes), reaches: true},
}

const allow = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"

// TestRefusals holds the proxy's own answers against their rows, byte by byte: nothing of a backend, a version or an
// inner error is in them.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, row := range refuseRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, func(cfg *proxy.Config) {
				cfg.NoSeek, cfg.MaxBodyBytes = true, 1000
				if strings.Contains(row.want, "504") {
					cfg.PollTimeout = 300 * time.Millisecond
				}
				if strings.Contains(row.request, "100000") {
					cfg.MaxBodyBytes = 0
				}
			})
			if row.prepare != nil {
				row.prepare(t, g)
			}
			before := strings.Join(g.backend(0).received(), "")
			c := g.dial(t)
			c.send(row.request)
			method, _, _ := strings.Cut(row.request, " ")
			if got := c.replyTo(method); got.raw() != row.want {
				t.Errorf("got %q, want %q", got.raw(), row.want)
			}
			if c.lastCloses {
				c.closed()
			} else if got := c.ask("GET " + pollTarget + "x" + asked + "\r\n"); got.status() != 400 {
				t.Errorf("the request after it got %q", got.raw())
			}
			if after := strings.Join(g.backend(0).received(), ""); !row.reaches && after != before {
				t.Errorf("the backend got %q", after)
			}
		})
	}
}
