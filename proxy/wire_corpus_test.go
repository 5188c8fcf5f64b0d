package proxy_test

import (
	"math"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/proxy/http1/http1test"
)

const corpus = "../testdata/http1/"

// TestCorpusRequests sends every request of testdata/http1 through sockets, and holds what the backend gets, and what
// the client gets, against what the row says.
func TestCorpusRequests(t *testing.T) {
	for _, file := range []string{"framing.txt", "syntax.txt", "upgrades.txt"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			k := newCorpusRun(t)
			for _, row := range http1test.Load(t, corpus+file) {
				t.Run(row.Name, func(t *testing.T) { k.row(t, row) })
			}
		})
	}
}

// corpusRun sends one row after the other through one proxy, so that each also tells whether the one before has left
// anything behind on a connection to the backend.
type corpusRun struct {
	*rig
	before []string // what the backend had got before the row
	secure bool     // clients come by TLS
	amid   bool     // the last row may have sent half a request to the backend
}

func (k *corpusRun) dial(t testing.TB) *client {
	t.Helper()
	if k.secure {
		return k.rig.dial(t).secured()
	}
	return k.rig.dial(t)
}

// by is what the proxy says of its clients.
func (k *corpusRun) by(host string) string {
	if k.secure {
		return says("127.0.0.1", "https", host, "127.0.0.1")
	}
	return forwardedFor(host)
}

func newCorpusRun(t *testing.T) *corpusRun {
	k := &corpusRun{rig: startProxy(t, 1, func(cfg *proxy.Config) { cfg.MaxBodyBytes = math.MaxInt64 })}
	k.backend(0).serve(answeringOrEchoing)
	return k
}

const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

// answeringOrEchoing is the script that answers requests with ok, and an upgrade by echoing what follows.
func answeringOrEchoing(c *backendConn) {
	for {
		m, more := c.next()
		switch {
		case !more:
			return
		case m.has("Upgrade"):
			c.send(switching)
			_, _ = c.r.WriteTo(c.conn)
			return
		}
		c.send(ok)
	}
}

func (k *corpusRun) row(t *testing.T, row http1test.Row) {
	if k.amid {
		k.backend(0).settle(t)
		k.amid = false
	}
	k.before = k.backend(0).received()
	c := k.dial(t)
	defer c.Close()
	c.send(string(row.Raw))
	var r http1.Request
	n, _ := r.Parse(row.Raw, 0, http1.Limits{}) // what the row itself is held against in package http1
	switch {
	case row.Verdict == "more":
		_ = c.CloseWrite()
		c.lastCloses = true
		k.reached(t, c, "")
	case row.Verdict == "refuse":
		k.refused(t, c, row, &r)
	default:
		k.passed(t, c, row, &r, n)
	}
}

// refused holds the reply to a row that is refused against its status and line. A connection that cannot go on is closed,
// and so is one that its client wanted closed.
func (k *corpusRun) refused(t *testing.T, c *client, row http1test.Row, r *http1.Request) {
	got := c.replyTo(string(r.Method))
	want := row.Want["status"] + " " + http1.ReasonPhrase(got.status())
	body := row.Want["line"] + "\n"
	if string(r.Method) == "HEAD" {
		body = ""
	}
	if got.start != "HTTP/1.1 "+want || got.body != body {
		t.Errorf("got %q, want %s and %q", got.raw(), want, body)
	}
	if kept := row.Want["close"] == "no" && r.KeepAlive; kept == c.lastCloses {
		t.Errorf("got %q, want the connection kept: %v", got.raw(), kept)
	}
	if row.Want["at"] != "body" {
		k.reached(t, c, "")
		return
	}
	k.amid = true
	if came := k.came(t, c); judge(came) != "" || len(http1test.Requests(came)) > 1 {
		t.Errorf("the backend got %q of a request whose body is malformed", came)
	}
}

// passed holds what the backend and the client of an admitted row get against what the row says.
func (k *corpusRun) passed(t *testing.T, c *client, row http1test.Row, r *http1.Request, n int) {
	body, rest, done := decoded(&r.Body, row.Raw[n:])
	if !done {
		k.unfinished(t, c, r)
		return
	}
	if r.Expect {
		c.expectContinue()
	}
	got := c.replyTo(string(r.Method))
	if r.Upgrade {
		if got.status() != 101 {
			t.Errorf("got %q, want a tunnel", got.raw())
		} else if echo := c.read(len(rest)); echo != rest {
			t.Errorf("the tunnel echoes %q, want %q", echo, rest)
		}
		_ = c.CloseWrite()
		c.lastCloses = true
		k.reached(t, c, k.upstreamHead(r)+rest)
		return
	}
	if closes := got.value("Connection") == "close"; closes == r.KeepAlive || got.status() != 200 {
		t.Errorf("got %q, want 200 and the connection kept: %v", got.raw(), r.KeepAlive)
	}
	if rest != "" && !c.lastCloses {
		c = k.next(c) // half a request is in the way
	}
	k.reachedWith(t, c, r, body)
	k.heldTo(t, row)
}

// heldTo holds the request that the backend got against the row's own words.
func (k *corpusRun) heldTo(t *testing.T, row http1test.Row) {
	seen := k.backend(0).seen()
	m := seen[len(seen)-2] // the last one is the probe
	for key, got := range map[string]string{"method": m.method(), "target": m.target(), "body": m.body} {
		if want, ok := row.Want[key]; ok && got != want {
			t.Errorf("the backend got %s %q, want %q", key, got, want)
		}
	}
	if want, ok := row.Want["forward"]; ok && !strings.HasPrefix(m.head, m.start+"\r\n"+withoutSpoofed(want)) {
		t.Errorf("the backend got %q, want the fields %q", m.head, want)
	}
	if want, ok := row.Want["host"]; ok && m.value("Host") != want {
		t.Errorf("the backend got Host %q, want %q", m.value("Host"), want)
	}
}

// unfinished ends a request in the middle of its body: what the backend got must not look whole.
func (k *corpusRun) unfinished(t *testing.T, c *client, r *http1.Request) {
	if r.Expect {
		c.expectContinue()
	}
	_ = c.CloseWrite()
	if rest := c.rest(); rest != "" && !strings.Contains(rest, "\r\nConnection: close\r\n") {
		t.Errorf("got %q for half a request, want the connection closed", rest)
	}
	whole := len(k.backend(0).seen())
	k.amid = true
	k.came(t, k.next(c))
	if len(k.backend(0).seen()) > whole+1 {
		t.Errorf("half a request reached the backend as a whole one: %q", k.backend(0).seen()[whole].raw())
	}
}

func (c *client) expectContinue() {
	c.t.Helper()
	if got := c.reply(); got.raw() != "HTTP/1.1 100 Continue\r\n\r\n" {
		c.t.Errorf("got %q, want 100", got.raw())
	}
}
