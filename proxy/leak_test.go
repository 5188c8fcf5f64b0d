package proxy_test

import (
	"net"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
)

// leakRow is a backend that fails in some way.
type leakRow struct {
	name  string
	url   string // of the backend; "": one that runs script
	close bool   // it refuses dials
	serve func(*backendConn)
}

var leakRows = []leakRow{
	{name: "refuses dials", close: true},
	{name: "has a name that does not resolve", url: "http://db.internal.invalid:3000"},
	{name: "has a socket that does not exist", url: "unix:/nowhere/secret.sock"},
	{name: "speaks no TLS", url: "https://"},
	{name: "closes at once", serve: func(*backendConn) {}},
	{name: "resets at once", serve: (*backendConn).reset},
	{name: "resets after the request", serve: func(c *backendConn) { c.next(); c.reset() }},
	{name: "closes after the request", serve: func(c *backendConn) { c.next() }},
	{name: "says nothing", serve: (*backendConn).hang},
	{name: "says half a reply", serve: func(c *backendConn) { c.next(); c.send("HTTP/1.1 200 OK\r\nX-Secret"); c.hang() }},
	{name: "says what is no reply", serve: answering("SSH-2.0-secret\r\n")},
	{name: "says a malformed field", serve: answering("HTTP/1.1 200 OK\r\nX Secret: y\r\n\r\n")},
	{name: "says a field too long", serve: answering("HTTP/1.1 200 OK\r\nX-Secret: " + strings.Repeat("secret", 10000) + "\r\n\r\n")},
	{name: "says a status that there is none", serve: answering("HTTP/1.1 999 Secret\r\n\r\n")},
	{name: "switches to another protocol", serve: answering("HTTP/1.1 101 X\r\nUpgrade: secret\r\nConnection: Upgrade\r\n\r\n")},
}

// TestFailuresTellNothing asks for all kinds of things where every backend fails in one way. Whatever the client is told, it
// is nothing of where the backend is, what it said, what went wrong inside, or which program this is.
func TestFailuresTellNothing(t *testing.T) {
	t.Parallel()
	for _, row := range leakRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.PollTimeout, cfg.Cookie = short, named })
			row.prepare(t, g)
			clients := map[string]*client{}
			for name, request := range map[string]string{
				"a page": plainGet, "an upload": "POST /" + asked + "Content-Length: 2\r\n\r\nhi", "a handshake": handshake4,
				"a poll": poll("unknown"), "an upgrade": upgradeRequest,
				"an unknown session's upgrade": "GET " + pollTarget + "x" + asked + upgradeFields + "\r\n",
			} {
				clients[name] = g.dial(t)
				clients[name].send(strings.Replace(request, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
			}
			for name, c := range clients {
				c.tells(t, name, g)
			}
		})
	}
}

// prepare has the only backend fail as the row says.
func (row *leakRow) prepare(t *testing.T, g *rig) {
	if row.serve != nil {
		g.backend(0).serve(row.serve)
	}
	if row.close {
		g.backend(0).refuse()
	}
	if row.url == "https://" {
		row.url += startBackend(t, "plain").ln.Addr().String()
	}
	if row.url == "" {
		return
	}
	if err := g.pool.Set([]routing.BackendConfig{{ID: "b0", URL: row.url}}); err != nil {
		t.Fatal(err)
	}
}

// tells reads all that the client gets, which must be a reply, and demands that it holds nothing of what it must not.
func (c *client) tells(t *testing.T, name string, g *rig) {
	t.Helper()
	all := c.rest()
	if !strings.HasPrefix(all, "HTTP/1.1 ") {
		t.Errorf("%s got %q", name, all)
	}
	host, port, _ := net.SplitHostPort(g.backend(0).ln.Addr().String())
	low := strings.ToLower(all)
	for _, secret := range []string{
		host, port, g.backend(0).id, "secret", "internal.invalid", "nowhere",
		"holdfast", "server:", "via:", "x-powered", "golang", "net/http",
		"dial", "refused", "tcp", "lookup", "no such", "eof", "reset", "tls:", "i/o", "broken", "goroutine", ".go:", "malformed",
	} {
		if strings.Contains(low, secret) {
			t.Errorf("%s is told %q: %q", name, secret, all)
		}
	}
}

// TestCookiesTellNothing of where the backend is, nor what it is called.
func TestCookiesTellNothing(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.Cookie = named })
	url := g.backend(0).url()
	id := strings.TrimPrefix(url, "http://")
	if err := g.pool.Set([]routing.BackendConfig{{URL: url}}); err != nil {
		t.Fatal(err)
	}
	g.backend(0).sid.Store("sid")
	g.backend(0).serve(opening)
	got := g.dial(t).ask(handshake4)
	cookie := got.value("Set-Cookie")
	host, port, _ := net.SplitHostPort(id)
	for _, secret := range []string{id, host, port} {
		if strings.Contains(cookie, secret) {
			t.Errorf("%q tells %q", cookie, secret)
		}
	}
	if cookie == "" {
		t.Errorf("got %q, want a cookie", got.raw())
	}
}

// TestLogsShortenSIDs demands that a line of the access log is enough to tell sessions apart, and not to take one over.
func TestLogsShortenSIDs(t *testing.T) {
	t.Parallel()
	for name, sid := range map[string]string{
		"of 1 byte":                "q",
		"of 4 bytes":               "wxyz",
		"of 6 bytes":               "uvwxyz",
		"of 8 bytes":               "stuvwxyz",
		"of 20 bytes":              "lv_VI97HAXpY6yYWAAAC",
		"of 36 bytes":              "5b1fdd9c-3ed9-4d0a-9d4c-2f4b5e6d7c8a",
		"that goes on in the next": "line\nlevel=ERROR msg=forged",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.AccessLog = true })
			c := g.session(t, 0, sid)
			c.ask("GET " + pollTarget + escaped(sid) + asked + "\r\n")
			c.Close()
			eventually(t, "both requests are logged", func() bool { return strings.Count(g.log.String(), "msg=request") == 2 })
			log := g.log.String()
			if strings.Contains(log, "sid="+sid+" ") || len(sid) > 8 && strings.Contains(log, sid[:len(sid)/2+1]) {
				t.Errorf("the log tells the sid %q:\n%s", sid, log)
			}
			for line := range strings.Lines(log) {
				if !strings.HasPrefix(line, "time=") {
					t.Errorf("a line is forged: %q", line)
				}
			}
		})
	}
}

// escaped is s with every byte percent-encoded.
func escaped(s string) (out string) {
	for i := range len(s) {
		out += "%" + hex(int(s[i])>>4) + hex(int(s[i])&15)
	}
	return out
}

// TestPathsInLogs are one value on one line, whatever they hold.
func TestPathsInLogs(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.AccessLog = true })
	c := g.dial(t)
	paths := []string{"/a\"b", "/a=b", "/%0alevel=ERROR", "/a;b=c", "/" + strings.Repeat("x", 8000)}
	for _, path := range paths {
		c.ask(get(path + "?token=hidden"))
	}
	c.Close()
	eventually(t, "all are logged", func() bool { return strings.Count(g.log.String(), "\n") == len(paths) })
	for line := range strings.Lines(g.log.String()) {
		if strings.Contains(line, "hidden") || !strings.Contains(line, "level=INFO msg=request method=GET path=") {
			t.Errorf("got %q", line)
		}
	}
}
