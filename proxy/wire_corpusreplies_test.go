package proxy_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/proxy/http1/http1test"
)

const (
	upgradeFields = "Connection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	upgradeRequest = "GET /ws HTTP/1.1\r\nHost: a\r\n" + upgradeFields + "\r\n"

	badGateway = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 12\r\n" +
		"Cache-Control: no-store\r\n\r\nbad gateway\n"
	badClose = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 12\r\n" +
		"Cache-Control: no-store\r\nConnection: close\r\n\r\nbad gateway\n"
)

// TestCorpusReplies has a backend send every reply of testdata/http1, and holds what the client gets, and whether the
// backend's connection is used again, against what the row says.
func TestCorpusReplies(t *testing.T) {
	t.Parallel()
	k := &replyRun{rig: startProxy(t, 1, nil), parent: t}
	k.backend(0).serve(k.script)
	for _, row := range http1test.Load(t, corpus+"replies.txt") {
		t.Run(row.Name, func(t *testing.T) {
			if !strings.HasPrefix(string(row.Raw[min(len(row.Raw), len("HTTP/1.1 ")):]), "101") {
				k.plain(t, row)
				return
			}
			k.unasked(t, row)
			k.asked(t, row)
		})
	}
}

// replyRun sends the replies one after the other, so that each also tells what the one before has left behind.
type replyRun struct {
	*rig
	parent *testing.T
	last   *client                // whose last request is over for certain
	reply  atomic.Pointer[string] // the bytes that any request but the probe gets
	closes atomic.Bool            // the connection ends behind them
}

func (k *replyRun) script(c *backendConn) {
	for {
		m, more := c.next()
		switch {
		case !more:
			return
		case m.target() == "/probe":
			c.send(ok)
			continue
		}
		c.send(*k.reply.Load())
		if k.closes.Load() {
			return
		}
	}
}

// answers has the backend send raw, and then close if the row does not end by itself.
func (k *replyRun) answers(row http1test.Row, behind string) {
	raw := string(row.Raw) + behind
	k.reply.Store(&raw)
	k.closes.Store(row.Verdict != "pass" || row.Want["framing"] == "close")
}

func (k *replyRun) plain(t *testing.T, row http1test.Row) {
	var r http1.Response
	n, _ := r.Parse(row.Raw, 0, row.Method == "HEAD", http1.Limits{})
	interim := row.Verdict == "pass" && r.Status < 200
	behind := ""
	if interim && row.Want["rest"] == "" {
		behind = ok
	}
	k.answers(row, behind)
	c := k.client(t)
	c.send(row.Method + " /row HTTP/1.1\r\nHost: a\r\n\r\n")
	switch {
	case row.Verdict != "pass":
		k.refused(t, c, row.Method)
	case interim:
		k.interim(t, c, &r)
		k.probe(t, c, true)
	default:
		body, rest, done := decoded(&r.Body, row.Raw[n:])
		k.passed(t, c, row, &r, body)
		k.probe(t, c, r.KeepAlive && done && rest == "")
	}
}

// refused demands a 502. Once part of the reply has gone out its end must be missing instead.
func (k *replyRun) refused(t *testing.T, c *client, method string) {
	c.wait()
	m, err := readReply(c.r, method)
	if err == nil && m.raw() != badGateway && m.raw() != strings.TrimSuffix(badGateway, "bad gateway\n") {
		t.Errorf("got %q, want 502", m.raw())
	}
	c.lastCloses = err != nil
	k.probe(t, c, false)
}

// interim demands that a 100 is swallowed and the others passed on, and that the final reply follows.
func (k *replyRun) interim(t *testing.T, c *client, r *http1.Response) {
	want := startOf(r) + forwarded(r) + "\r\n"
	got := c.reply()
	if r.Status != 100 {
		if got.raw() != want {
			t.Errorf("got %q, want %q", got.raw(), want)
		}
		got = c.reply()
	}
	if got.status() != 200 {
		t.Errorf("got %q, want the final reply", got.raw())
	}
}

// passed demands the reply as the backend sent it, in a framing of the proxy's own.
func (k *replyRun) passed(t *testing.T, c *client, row http1test.Row, r *http1.Response, body string) {
	got := c.replyTo(row.Method)
	want := startOf(r) + forwarded(r)
	if r.Body.Framing == http1.Chunked || r.Body.Framing == http1.UntilClose {
		want += "Transfer-Encoding: chunked\r\n"
	}
	if got.head != want+"\r\n" || got.body != body {
		t.Errorf("got %q with body %q, want %q with %q", got.head, got.body, want, body)
	}
	if want, ok := row.Want["forward"]; ok && !strings.HasPrefix(got.head, startOf(r)+want) {
		t.Errorf("got %q, want the fields %q", got.head, want)
	}
	if want, ok := row.Want["body"]; ok && got.body != want {
		t.Errorf("got the body %q, want %q", got.body, want)
	}
}

// unasked demands that a 101 opens no tunnel for a plain request.
func (k *replyRun) unasked(t *testing.T, row http1test.Row) {
	k.answers(row, "")
	c := k.client(t)
	if got := c.ask("GET /row HTTP/1.1\r\nHost: a\r\n\r\n"); got.raw() != badGateway {
		t.Errorf("unasked for: got %q, want 502", got.raw())
	}
	k.probe(t, c, false)
}

// asked demands a tunnel for an upgrade if the 101 is one to WebSocket.
func (k *replyRun) asked(t *testing.T, row http1test.Row) {
	k.answers(row, "")
	c := k.client(t)
	got := c.ask(upgradeRequest)
	if row.Verdict != "pass" || row.Want["upgrade"] != "yes" {
		if got.status() != 502 {
			t.Errorf("got %q, want 502", got.raw())
		}
		k.probe(t, c, false)
		return
	}
	var r http1.Response
	n, _ := r.Parse(row.Raw, 0, false, http1.Limits{})
	want := startOf(&r) + forwarded(&r) + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	if got.raw() != want {
		t.Errorf("got %q, want %q", got.raw(), want)
	}
	if early := string(row.Raw[n:]); c.read(len(early)) != early {
		t.Errorf("what came behind the 101 is not %q", early)
	}
	_ = c.CloseWrite()
	c.lastCloses = true
	k.probe(t, c, false)
}

// client returns the connection that the last row has used, if that goes on. What the proxy does after a reply is then over
// before the next request begins.
func (k *replyRun) client(t *testing.T) *client {
	t.Helper()
	if k.last == nil || k.last.lastCloses {
		k.last = k.dial(k.parent)
	}
	k.last.t = t
	return k.last
}

// probe sends a request of its own, which must get its own reply, and tells whether the backend's connection was used
// again for it. On c, if that goes on, it cannot come before the proxy has decided that.
func (k *replyRun) probe(t *testing.T, c *client, reused bool) {
	t.Helper()
	if c.lastCloses {
		c.closed()
		c = k.client(t)
	}
	dialled := k.backend(0).dialled()
	if got := c.ask(probe + "\r\n"); got.raw() != ok {
		t.Errorf("the request after it got %q", got.raw())
	}
	if now := k.backend(0).dialled(); (now == dialled) != reused {
		t.Errorf("the backend's connection was used again: %v, want %v", now == dialled, reused)
	}
}

func startOf(r *http1.Response) string { return fmt.Sprintf("HTTP/1.1 %d %s\r\n", r.Status, r.Reason) }

// forwarded returns the field lines that go on to the client.
func forwarded(r *http1.Response) string {
	var b strings.Builder
	for _, f := range r.Fields {
		if !f.Hop {
			fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
		}
	}
	return b.String()
}
