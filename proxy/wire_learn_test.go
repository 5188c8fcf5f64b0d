package proxy_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// learnRun has backends give out handshakes, and asks where the requests of the session go afterwards. Nothing is
// searched for, so that a session which was not learned gets a 400.
type learnRun struct {
	*rig
	handshake atomic.Pointer[[]string] // the writes that answer a request without sid
	closes    atomic.Bool              // the connection ends behind them
}

func newLearnRun(t *testing.T, change func(*proxy.Config)) *learnRun {
	k := &learnRun{rig: startProxy(t, 2, func(cfg *proxy.Config) {
		cfg.NoSeek = true
		if change != nil {
			change(cfg)
		}
	})}
	for _, b := range k.backends {
		b.serve(func(c *backendConn) {
			for {
				m, more := c.next()
				switch {
				case !more:
					return
				case strings.Contains(m.target(), "sid=") && !strings.HasSuffix(m.target(), "sid="):
					c.send(ok)
					continue
				}
				for _, part := range *k.handshake.Load() {
					c.send(part)
				}
				if k.closes.Load() {
					return
				}
			}
		})
	}
	return k
}

// gives has both backends answer handshakes with these writes.
func (k *learnRun) gives(closes bool, parts ...string) {
	k.handshake.Store(&parts)
	k.closes.Store(closes)
}

// open sends a handshake and returns the reply and the backend that has given it.
func (k *learnRun) open(t *testing.T, request string) (message, int) {
	t.Helper()
	before := [2]int{len(k.backend(0).seen()), len(k.backend(1).seen())}
	c := k.dial(t)
	defer c.Close()
	got := c.ask(request)
	for i := range before {
		if len(k.backend(i).seen()) > before[i] {
			return got, i
		}
	}
	t.Fatalf("no backend was asked for a session; the client got %q", got.raw())
	return got, 0
}

// follows sends requests of the session on connections of their own, and demands that they all reach that backend; with
// owner -1 that nobody knows the session.
func (k *learnRun) follows(t *testing.T, sid string, owner int) {
	t.Helper()
	for _, request := range []string{post(sid), poll(sid), post(sid)} {
		before := [2]int{len(k.backend(0).seen()), len(k.backend(1).seen())}
		c := k.dial(t)
		got := c.ask(request)
		c.Close()
		if owner < 0 {
			if got.status() != 400 || !strings.Contains(got.body, `"code":1`) {
				t.Errorf("%q was learned: got %q", sid, got.raw())
			}
			continue
		}
		if got.raw() != ok || len(k.backend(owner).seen()) != before[owner]+1 {
			t.Errorf("a request of %q did not reach backend %d: got %q", sid, owner, got.raw())
		}
	}
}

// learnRow is a reply to a request without sid, and whether the sid in it, "learned", belongs to its backend from now on.
type learnRow struct {
	name    string
	request string // "": an EIO=4 polling handshake
	parts   []string
	closes  bool
	learned bool
}

const openPacket = `0{"sid":"learned","upgrades":[],"pingInterval":25000,"pingTimeout":20000}`

func dripped(raw string) (parts []string) {
	for i := range len(raw) {
		parts = append(parts, raw[i:i+1])
	}
	return parts
}

func inChunks(head string, parts ...string) string {
	all := strings.TrimSuffix(chunked, "\r\n") + head + "\r\n"
	for _, p := range parts {
		all += hex(len(p)) + "\r\n" + p + "\r\n"
	}
	return all + "0\r\n\r\n"
}

func compressed(with func(io.Writer) io.WriteCloser, plain string) string {
	var b bytes.Buffer
	w := with(&b)
	_, _ = io.WriteString(w, plain)
	_ = w.Close()
	return b.String()
}

func gzipped(plain string) string {
	return compressed(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, plain)
}

func deflated(plain string) string {
	return compressed(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, plain)
}

func encoded(coding, body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + "\r\nContent-Length: " + decimal(len(body)) + "\r\n\r\n" + body
}

var learnRows = []learnRow{
	{name: "a handshake byte by byte", parts: dripped(reply("200 OK", openPacket)), learned: true},
	{name: "a handshake in chunks of one byte", parts: []string{inChunks("", dripped(openPacket)...)}, learned: true},
	{name: "a handshake until the end", parts: []string{"HTTP/1.1 200 OK\r\n\r\n" + openPacket}, closes: true, learned: true},
	{name: "a handshake with more packets behind it", parts: []string{reply("200 OK", openPacket+"\x1e40{}\x1ebAAEC")}, learned: true},
	{name: "a handshake with a long packet behind it", parts: []string{reply("200 OK", openPacket+"\x1e4"+strings.Repeat("x", 200_000))}, learned: true},
	{name: "a handshake behind a 103", parts: []string{hints + reply("200 OK", openPacket)}, learned: true},
	{name: "a gzipped handshake", parts: []string{encoded("gzip", gzipped(openPacket))}, learned: true},
	{name: "a gzipped handshake byte by byte", parts: dripped(encoded("gzip", gzipped(openPacket))), learned: true},
	{name: "a gzipped handshake in chunks", parts: []string{inChunks("Content-Encoding: gzip\r\n", dripped(gzipped(openPacket))...)}, learned: true},
	{name: "a deflated handshake", parts: []string{encoded("deflate", deflated(openPacket))}, learned: true},
	{name: "a handshake to HTTP/1.0", request: "GET " + handshakeTarget + " HTTP/1.0\r\nHost: a\r\n\r\n", parts: []string{inChunks("", openPacket)}, learned: true},
	{name: "EIO=3 by characters", request: "GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
		parts: []string{reply("200 OK", "73:"+openPacket+"2:40")}, learned: true},
	{name: "EIO=3 in binary", request: "GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
		parts: []string{reply("200 OK", "\x00\x07\x03\xff"+openPacket+"\x00\x02\xff40")}, learned: true},
	{name: "JSONP", request: "GET /socket.io/?EIO=3&transport=polling&j=0 HTTP/1.1\r\nHost: a\r\n\r\n",
		parts: []string{reply("200 OK", `___eio[0]("73:`+strings.ReplaceAll(openPacket, `"`, `\"`)+`");`)}, learned: true},

	{name: "a page that only looks like a handshake", request: plainGet, parts: []string{reply("200 OK", openPacket)}},
	{name: "a reply to a POST", request: "POST " + handshakeTarget + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n4", parts: []string{reply("200 OK", openPacket)}},
	{name: "a reply to a preflight", request: "OPTIONS " + handshakeTarget + " HTTP/1.1\r\nHost: a\r\n\r\n", parts: []string{reply("200 OK", openPacket)}},
	{name: "a refusal", parts: []string{reply("400 Bad Request", openPacket)}},
	{name: "a 201", parts: []string{reply("201 Created", openPacket)}},
	{name: "a packet of another type", parts: []string{reply("200 OK", "4"+openPacket)}},
	{name: "a handshake behind another packet", parts: []string{reply("200 OK", "6\x1e"+openPacket)}},
	{name: "a sid that is no string", parts: []string{reply("200 OK", `0{"sid":["learned"]}`)}},
	{name: "a sid deeper inside", parts: []string{reply("200 OK", `0{"x":{"sid":"learned"}}`)}},
	{name: "an empty body", parts: []string{reply("200 OK", "")}},
	{name: "more than 64 KiB without an end of the first packet", parts: []string{reply("200 OK", `0{"x":"`+strings.Repeat("x", 70_000)+`","sid":"learned"}`)}},
}

// TestLearns holds what is learned of a reply against its row; the client gets the reply in any case.
func TestLearns(t *testing.T) {
	t.Parallel()
	for _, row := range learnRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			k := newLearnRun(t, nil)
			k.gives(row.closes, row.parts...)
			if row.request == "" {
				row.request = handshake4
			}
			before := [2]int{len(k.backend(0).seen()), len(k.backend(1).seen())}
			c := k.dial(t)
			defer c.Close()
			got := c.ask(row.request)
			if got.status() == 103 {
				got = c.reply()
			}
			sent, _ := readReply(newReader(strings.TrimPrefix(strings.Join(row.parts, ""), hints)), "GET")
			if got.body != sent.body || got.start != sent.start {
				t.Errorf("the client got %.300q, want %.300q", got.start+got.body, sent.start+sent.body)
			}
			owner := -1
			for i := range before {
				if row.learned && len(k.backend(i).seen()) > before[i] {
					owner = i
				}
			}
			k.follows(t, "learned", owner)
		})
	}
}

// TestLearnsAgain has another backend give out a sid that is known: its last handshake counts.
func TestLearnsAgain(t *testing.T) {
	t.Parallel()
	k := newLearnRun(t, nil)
	k.gives(false, reply("200 OK", openPacket))
	for range 6 {
		_, owner := k.open(t, handshake4)
		k.follows(t, "learned", owner)
	}
}
