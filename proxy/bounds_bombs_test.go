package proxy_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// bombRow is a message that has no end.
type bombRow struct {
	name  string
	begin string
	more  string // again and again
	want  string // the status that the client gets; "": 502 or, if a part of the reply was on its way already, a reply cut short
}

const (
	bombBytes = 64 << 20 // how much of a message would be sent, if anybody took it
	bombTaken = 24 << 20 // how much may be, most of it by the kernel
)

var requestBombs = []bombRow{
	{"a method", "", "G", "501"},
	{"a target", "GET /", "x", "414"},
	{"a query", "GET /?EIO=4&sid=", "x", "414"},
	{"a version", "GET / HTTP/1.", "1", "414"},
	{"empty lines", "", "\r\n", "400"},
	{"a field's name", "GET /" + asked, "x", "431"},
	{"a field's value", "GET /" + asked + "X: ", "x", "431"},
	{"white space before a field's value", "GET /" + asked + "X:", " ", "431"},
	{"fields", "GET /" + asked, "X: y\r\n", "431"},
	{"empty fields", "GET /" + asked, "X:\r\n", "431"},
	{"cookies", "GET /" + asked, "Cookie: a=" + strings.Repeat("b", 4000) + "\r\n", "431"},
	{"connection options", "GET /" + asked + "Connection: ", "a,", "431"},
	{"a chain of proxies", "GET /" + asked + "X-Forwarded-For: ", "1.2.3.4, ", "431"},
	{"digits of a length", "POST /" + asked + "Content-Length: ", "0", "431"},
	{"digits of a chunk size", bombChunks, "0", "400"},
	{"a chunk extension", bombChunks + "1;", "x", "400"},
	{"a chunk extension of white space", bombChunks + "1", " ", "400"},
	{"chunks with extensions", bombChunks, "1;" + strings.Repeat("x", 1000) + "\r\nx\r\n", "400"},
	{"chunks", bombChunks, "1\r\nx\r\n", "413"},
	{"a trailer", bombChunks + "0\r\nX: ", "x", "431"},
	{"a trailer's name", bombChunks + "0\r\n", "x", "431"},
	{"trailers", bombChunks + "0\r\n", "X: y\r\n", "431"},
}

const bombChunks = "POST /" + asked + "Transfer-Encoding: chunked\r\n\r\n"

// TestEndlessRequests has clients send what would not fit into anybody's memory, and read what they are told.
func TestEndlessRequests(t *testing.T) {
	t.Parallel()
	for _, row := range requestBombs {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.MaxBodyBytes = 256 << 10 })
			g.backend(0).serve(func(c *backendConn) { _, _ = io.Copy(io.Discard, struct{ io.Reader }{c}) })
			c := g.dial(t)
			taken := make(chan int)
			go func() { taken <- bomb(c, row) }()
			if got := c.reply(); fmt.Sprint(got.status()) != row.want || !c.lastCloses {
				t.Errorf("got %q, want %s and the connection closed", got.raw(), row.want)
			}
			if n := <-taken; n > bombTaken {
				t.Errorf("%d bytes were taken", n)
			}
			for _, came := range g.backend(0).received() {
				if strings.HasSuffix(came, "0\r\n\r\n") {
					t.Error("the body looks whole")
				}
			}
		})
	}
}

var replyBombs = []bombRow{
	{"a version", "HTTP/1.", "1", "502"},
	{"a reason", "HTTP/1.1 200 ", "x", "502"},
	{"empty lines", "", "\r\n", "502"},
	{"a field's value", "HTTP/1.1 200 OK\r\nX: ", "x", "502"},
	{"fields", "HTTP/1.1 200 OK\r\n", "X: y\r\n", "502"},
	{"cookies", "HTTP/1.1 200 OK\r\n", "Set-Cookie: a=" + strings.Repeat("b", 4000) + "\r\n", "502"},
	{"interim replies", "", "HTTP/1.1 100 Continue\r\n\r\n", "502"},
	{"a chunk extension", chunked + "1;", "x", ""},
	{"digits of a chunk size", chunked, "0", ""},
	{"chunks with extensions", chunked, "1;" + strings.Repeat("x", 1000) + "\r\nx\r\n", ""},
	{"a trailer", chunked + "0\r\nX: ", "x", ""},
	{"trailers", chunked + "0\r\n", "X: y\r\n", ""},
	{"what follows a reply", ok, "x", "200"},
}

// TestEndlessReplies has backends send what would not fit into anybody's memory.
func TestEndlessReplies(t *testing.T) {
	t.Parallel()
	for _, row := range replyBombs {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			taken := make(chan int, 1)
			g.backend(0).serve(func(c *backendConn) {
				c.next()
				taken <- bomb(c, row)
			})
			c := g.dial(t)
			c.send(plainGet)
			c.wait()
			got, err := readReply(c.r, "GET")
			cut := row.want == "" && (err != nil || got.status() == 502)
			if fmt.Sprint(got.status()) != row.want && !cut {
				t.Errorf("got %q, %v; want %s", got.raw(), err, row.want)
			}
			c.Close()
			if n := <-taken; n > bombTaken {
				t.Errorf("%d bytes were taken", n)
			}
		})
	}
}

// bomb sends the row until nobody takes it any more, and returns how much was taken.
func bomb(to interface {
	Write([]byte) (int, error)
	SetWriteDeadline(time.Time) error
}, row bombRow) (taken int) {
	_ = to.SetWriteDeadline(time.Now().Add(patience))
	part := strings.Repeat(row.more, 64<<10/len(row.more))
	for next := row.begin + part; taken < bombBytes; next = part {
		n, err := to.Write([]byte(next))
		taken += n
		if err != nil {
			break
		}
	}
	return taken
}

// TestAThousandPipelinedRequests are carried one after the other, and answered in order.
func TestAThousandPipelinedRequests(t *testing.T) {
	t.Parallel()
	const count = 1000
	g := startProxy(t, 1, nil)
	g.backend(0).serve(answeringBy(func(m message) string { return reply("200 OK", m.target()+m.body) }))
	c := g.dial(t)
	var all strings.Builder
	request := func(i int) (raw, answer string) {
		target := fmt.Sprint("/", i)
		if i%3 == 0 {
			return "POST " + target + asked + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", target + "abc"
		}
		return get(target), target
	}
	for i := range count {
		raw, _ := request(i)
		all.WriteString(raw)
	}
	c.send(all.String())
	for i := range count {
		if _, want := request(i); c.reply().body != want {
			t.Fatalf("reply %d is another's", i)
		}
	}
	if n := g.backend(0).dialled(); n != 1 {
		t.Errorf("it took %d connections to the backend", n)
	}
}

// TestUndecidedHandshakes has backends send, in the smallest of chunks, what may become a handshake and never does. Looking
// at all of it again with each chunk would take minutes.
func TestUndecidedHandshakes(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ fields, body string }{
		"a sid without end":            {body: `0{"sid":"` + strings.Repeat("x", 60000)},
		"a list without end":           {body: `0{"a":[` + strings.Repeat("1,", 30000)},
		"a packet length without end":  {body: strings.Repeat("1", 60000)},
		"a sid without end, in gzip":   {fields: "Content-Encoding: gzip\r\n", body: stored(`0{"sid":"` + strings.Repeat("x", 60000))},
		"a sid without end, in base64": {body: "b0" + strings.Repeat("eyJz", 15000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			var raw strings.Builder
			raw.WriteString("HTTP/1.1 200 OK\r\n" + row.fields + "Transfer-Encoding: chunked\r\n\r\n")
			for i := range len(row.body) {
				raw.WriteString("1\r\n" + row.body[i:i+1] + "\r\n")
			}
			raw.WriteString("0\r\n\r\n")
			g.backend(0).serve(answering(raw.String()))
			c := g.dial(t)
			c.send("GET " + handshakeTarget + " HTTP/1.0\r\nHost: a\r\n\r\n")
			c.wait()
			got, err := io.ReadAll(c.r)
			if !strings.HasSuffix(string(got), "\r\n\r\n"+row.body) || err != nil {
				t.Errorf("the client got %d bytes, want %d, and %v", len(got), len(row.body), err)
			}
		})
	}
}

// stored is s as gzip that has not compressed it.
func stored(s string) string {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write([]byte(s)); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}
