package proxy_test

import (
	"fmt"
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
			_, _ = c.r.WriteTo(c.TCPConn)
			return
		}
		c.send(ok)
	}
}

func (k *corpusRun) row(t *testing.T, row http1test.Row) {
	k.before = k.backend(0).received()
	c := k.dial(t)
	defer c.Close()
	c.send(string(row.Raw))
	var r http1.Request
	n, _ := r.Parse(row.Raw, 0, http1.Limits{}) // what the row itself is held against in package http1
	switch {
	case row.Verdict == "more":
		_ = c.CloseWrite()
		c.closed()
		k.reached(t, "")
	case row.Verdict == "refuse":
		k.refused(t, c, row, string(r.Method))
	default:
		k.passed(t, c, row, &r, n)
	}
}

// refused holds the reply to a row that is refused against its status and line; a connection that cannot go on is closed.
func (k *corpusRun) refused(t *testing.T, c *client, row http1test.Row, method string) {
	got := c.replyTo(method)
	want := row.Want["status"] + " " + http1.ReasonPhrase(got.status())
	body := row.Want["line"] + "\n"
	if method == "HEAD" {
		body = ""
	}
	if got.start != "HTTP/1.1 "+want || got.body != body {
		t.Errorf("got %q, want %s and %q", got.raw(), want, body)
	}
	if closes := got.value("Connection") == "close"; closes {
		c.closed()
	} else if row.Want["close"] != "no" {
		t.Errorf("got %q, want the connection closed", got.raw())
	}
	if row.Want["at"] != "body" {
		k.reached(t, "")
		return
	}
	if came := k.came(t); judge(came) != "" || len(readings[0].requests(came)) > 1 {
		t.Errorf("the backend got %q of a request whose body is malformed", came)
	}
}

// passed holds what the backend and the client of an admitted row get against what the row says.
func (k *corpusRun) passed(t *testing.T, c *client, row http1test.Row, r *http1.Request, n int) {
	body, done := decoded(r, row.Raw[n:])
	if !done {
		k.unfinished(t, c, r)
		return
	}
	if r.Expect {
		c.expectContinue()
	}
	got := c.replyTo(string(r.Method))
	if rest := row.Want["rest"]; r.Upgrade {
		if got.status() != 101 {
			t.Errorf("got %q, want a tunnel", got.raw())
		} else if echo := c.read(len(rest)); echo != rest {
			t.Errorf("the tunnel echoes %q, want %q", echo, rest)
		}
		k.reached(t, upstreamHead(r)+rest)
		return
	}
	if closes := got.value("Connection") == "close"; closes == r.KeepAlive || got.status() != 200 {
		t.Errorf("got %q, want 200 and the connection kept: %v", got.raw(), r.KeepAlive)
	}
	k.reachedWith(t, r, body)
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
	k.came(t)
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

const probe = "GET /probe HTTP/1.1\r\nHost: probe\r\n"

// came returns what the backend has got since the row began. It sends a request of its own first, which tells that no
// more is on its way, and that the proxy and the backend still agree where requests begin.
func (k *corpusRun) came(t *testing.T) string {
	t.Helper()
	c := k.dial(t)
	defer c.Close()
	if got := c.ask(probe + "\r\n"); got.raw() != ok {
		t.Errorf("the request after it got %q", got.raw())
	}
	var all strings.Builder
	for i, now := range k.backend(0).received() {
		if i < len(k.before) {
			now = now[len(k.before[i]):]
		}
		all.WriteString(now)
	}
	came, found := all.String(), probe+forwardedFor("probe")+"\r\n"
	if strings.Count(came, found) != 1 {
		t.Errorf("the backend got %q, and in it not one probe", came)
	}
	return strings.Replace(came, found, "", 1)
}

// reached demands that exactly these bytes have come since the row began.
func (k *corpusRun) reached(t *testing.T, want string) {
	t.Helper()
	if came := k.came(t); came != want {
		t.Errorf("the backend got %q, want %q", came, want)
	}
}

// reachedWith demands that exactly this request has come; only the lengths of chunks are the proxy's to choose.
func (k *corpusRun) reachedWith(t *testing.T, r *http1.Request, body string) {
	t.Helper()
	want := upstreamHead(r)
	if r.Body.Framing != http1.Chunked {
		k.reached(t, want+body)
		return
	}
	came := k.came(t)
	framed, ok := strings.CutPrefix(came, want)
	got, rest, whole := readings[0].chunks(framed)
	if !ok || got != body || rest != "" || !whole {
		t.Errorf("the backend got %q, want %q and in chunks %q", came, want, body)
	}
}

// upstreamHead is the head that a backend must get for an admitted request.
func upstreamHead(r *http1.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.Method, r.Target)
	for _, f := range r.Fields {
		if !f.Hop && !strings.EqualFold(string(f.Name), "Expect") {
			b.WriteString(withoutSpoofed(fmt.Sprintf("%s: %s\r\n", f.Name, f.Value)))
		}
	}
	if !r.Has(http1.Host) {
		fmt.Fprintf(&b, "Host: %s\r\n", r.Host)
	}
	if r.Body.Framing == http1.Chunked {
		b.WriteString("Transfer-Encoding: chunked\r\n")
	}
	if r.Upgrade {
		b.WriteString("Connection: Upgrade\r\nUpgrade: websocket\r\n")
	}
	return b.String() + forwardedFor(string(r.Host)) + "\r\n"
}

// withoutSpoofed drops the field lines in which a client says who it is: on these tests' proxy nobody is trusted to.
func withoutSpoofed(lines string) (kept string) {
	for line := range strings.Lines(lines) {
		name, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(line, "_", "-")), ":")
		if !strings.HasPrefix(name, "x-forwarded-") && name != "x-real-ip" && name != "forwarded" {
			kept += line
		}
	}
	return kept
}

// decoded decodes the body at the start of raw and tells whether it is whole.
func decoded(r *http1.Request, raw []byte) (body string, done bool) {
	for !r.Body.Done() {
		data, n, err := r.Body.Next(raw)
		body += string(data)
		if n == 0 || err != nil {
			return body, false
		}
		raw = raw[n:]
	}
	return body, true
}
