package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/proxy/http1/http1test"
)

const probe = "GET /probe HTTP/1.1\r\nHost: probe\r\n"

// came returns what the backend has got since the row began. It sends a request of its own first, on c if that goes on:
// it tells that no more is on its way, and that all three still agree where messages begin.
func (k *corpusRun) came(t *testing.T, c *client) string {
	t.Helper()
	if c.lastCloses {
		c.closed()
		c = k.next(c)
	}
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
	came, found := all.String(), probe+k.by("probe")+"\r\n"
	if strings.Count(came, found) != 1 {
		t.Errorf("the backend got %q, and in it not one probe", came)
	}
	return strings.Replace(came, found, "", 1)
}

// next returns another connection in place of c.
func (k *corpusRun) next(c *client) *client {
	c.Close()
	return k.dial(c.t)
}

// reached demands that exactly these bytes have come since the row began.
func (k *corpusRun) reached(t *testing.T, c *client, want string) {
	t.Helper()
	if came := k.came(t, c); came != want {
		t.Errorf("the backend got %q, want %q", came, want)
	}
}

// reachedWith demands that exactly this request has come; only the lengths of chunks are the proxy's to choose.
func (k *corpusRun) reachedWith(t *testing.T, c *client, r *http1.Request, body string) {
	t.Helper()
	want := k.upstreamHead(r)
	if r.Body.Framing != http1.Chunked {
		k.reached(t, c, want+body)
		return
	}
	came := k.came(t, c)
	framed, ok := strings.CutPrefix(came, want)
	got, rest, whole := http1test.Chunks(framed)
	if !ok || got != body || rest != "" || !whole {
		t.Errorf("the backend got %q, want %q and in chunks %q", came, want, body)
	}
}

// upstreamHead is the head that a backend must get for an admitted request.
func (k *corpusRun) upstreamHead(r *http1.Request) string {
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
	return b.String() + k.by(string(r.Host)) + "\r\n"
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

// decoded decodes the body at the start of raw, and tells what follows it and whether it is whole.
func decoded(b *http1.Body, raw []byte) (body, rest string, done bool) {
	for !b.Done() {
		data, n, err := b.Next(raw)
		body += string(data)
		if n == 0 || err != nil {
			return body, "", false
		}
		raw = raw[n:]
	}
	return body, string(raw), true
}
