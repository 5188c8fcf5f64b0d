package proxy_test

import (
	"strings"
	"testing"
)

// TestEventStream has a backend send one part after the other, each only when the client has got the one before.
func TestEventStream(t *testing.T) {
	t.Parallel()
	const data = "data: x\n\n"
	for name, row := range map[string]struct {
		request, head string // the backend's head
		part, end     string // how it sends a part, and the end
		wantHead      string
		wantPart      string // how the client gets a part
		wantEnd       string
	}{
		"in chunks":             {plainGet, chunked, "9\r\n" + data + "\r\n", "0\r\n\r\n", chunked, "9\r\n" + data + "\r\n", "0\r\n\r\n"},
		"until the end":         {plainGet, "HTTP/1.1 200 OK\r\n\r\n", data, "", chunked, "9\r\n" + data + "\r\n", "0\r\n\r\n"},
		"with a length":         {plainGet, "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n", data, "", "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n", data, ""},
		"in chunks to HTTP/1.0": {oldGet, chunked, "9\r\n" + data + "\r\n", "0\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", data, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			got := make(chan struct{})
			g.backend(0).serve(func(c *backendConn) {
				c.next()
				for _, part := range []string{row.head, row.part, row.part, row.part} {
					c.send(part)
					<-got
				}
				c.send(row.end)
			})
			c := g.dial(t)
			c.send(row.request)
			for _, want := range []string{row.wantHead, row.wantPart, row.wantPart, row.wantPart} {
				if s := c.read(len(want)); s != want {
					t.Errorf("got %q, want %q", s, want)
				}
				got <- struct{}{}
			}
			if s := c.read(len(row.wantEnd)); s != row.wantEnd {
				t.Errorf("got %q at the end, want %q", s, row.wantEnd)
			}
		})
	}
}

// cut is a reply that goes wrong once its client has got the beginning.
type cut struct {
	begin string
	rest  string             // what comes then
	how   func(*backendConn) // how the connection ends; nil: by FIN
}

const begun = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"

var cuts = map[string]cut{
	"a length cut by FIN":             {begun, "", nil},
	"a length cut by RST":             {begun, "", (*backendConn).reset},
	"a chunk cut by FIN":              {chunked + "a\r\nhalf", "", nil},
	"a chunk cut by RST":              {chunked + "a\r\nhalf", "", (*backendConn).reset},
	"a cut between chunks":            {chunked + "4\r\nhalf\r\n", "", nil},
	"a cut before the last line":      {chunked + "4\r\nhalf\r\n", "0\r\n", nil},
	"a chunk size of letters":         {chunked + "4\r\nhalf\r\n", "xyz\r\n", (*backendConn).hang},
	"a chunk longer than its size":    {chunked + "4\r\nhalf\r\n", "1\r\nab\r\n0\r\n\r\n", (*backendConn).hang},
	"a chunk size that overflows":     {chunked + "4\r\nhalf\r\n", "ffffffffffffffff\r\n", (*backendConn).hang},
	"a bare LF behind a chunk size":   {chunked + "4\r\nhalf\r\n", "1\na\r\n0\r\n\r\n", (*backendConn).hang},
	"a malformed trailer":             {chunked + "4\r\nhalf\r\n", "0\r\nA B\r\n\r\n", (*backendConn).hang},
	"an endless chunk extension":      {chunked + "4\r\nhalf\r\n", "1;" + strings.Repeat("x", 5000), (*backendConn).hang},
	"an endless trailer":              {chunked + "4\r\nhalf\r\n", "0\r\nX: " + strings.Repeat("x", 20000), (*backendConn).hang},
	"until the end, but ended by RST": {"HTTP/1.1 200 OK\r\n\r\nhalf", "", (*backendConn).reset},
}

// TestCutReplies has backends fail in the middle of a body of which the client has got a part: the end must be missing.
func TestCutReplies(t *testing.T) {
	t.Parallel()
	for name, row := range cuts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			got := make(chan struct{})
			g.backend(0).serve(func(c *backendConn) {
				if c.nr > 0 {
					answering(ok)(c)
					return
				}
				c.next()
				c.send(row.begin)
				<-got
				c.send(row.rest)
				if row.how != nil {
					row.how(c)
				}
			})
			c := g.dial(t)
			c.send(plainGet)
			start := "HTTP/1.1 200 OK\r\n"
			if s := c.read(len(start)); s != start {
				t.Errorf("got %q", s)
			}
			for s := start; !strings.HasSuffix(s, "half"); {
				s += c.read(1)
			}
			close(got)
			if rest := c.rest(); strings.HasSuffix(rest, "0\r\n\r\n") {
				t.Errorf("the reply looks whole: it ends with %q", rest)
			}
			if got := g.dial(t).ask(plainGet); got.raw() != ok {
				t.Errorf("the next client got %q", got.raw())
			}
		})
	}
}

// hang keeps the connection open until the proxy closes it.
func (c *backendConn) hang() { c.drain() }
