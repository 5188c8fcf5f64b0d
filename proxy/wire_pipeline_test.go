package proxy_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// pipeRow is several requests in one write, and the targets that reach the backend, each with its reply.
type pipeRow struct {
	name  string
	send  string
	want  []string
	ended string // what the client gets last, before it is closed; "": it goes on
}

var pipeRows = []pipeRow{
	{"three requests are carried in order", get("/1") + get("/2") + get("/3"), []string{"/1", "/2", "/3"}, ""},
	{"a body is not a request", "POST /1" + asked + "Content-Length: " + decimal(len(get("/x"))) + "\r\n\r\n" + get("/x") + get("/2"), []string{"/1", "/2"}, ""},
	{"chunks are not requests", "POST /1" + asked + "Transfer-Encoding: chunked\r\n\r\n" + hex(len(get("/x"))) + "\r\n" + get("/x") + "\r\n0\r\n\r\n" + get("/2"), []string{"/1", "/2"}, ""},
	{"an empty line between requests is skipped", get("/1") + "\r\n" + get("/2"), []string{"/1", "/2"}, ""},
	{"an empty line behind a body is skipped", "POST /1" + asked + "Content-Length: 2\r\n\r\nhi\r\n" + get("/2"), []string{"/1", "/2"}, ""},
	{"nothing is carried behind Connection: close", "GET /1" + asked + closes + "\r\n" + get("/2"), []string{"/1"}, " "},
	{"nothing is carried behind HTTP/1.0", "GET /1 HTTP/1.0\r\nHost: a\r\n\r\n" + get("/2"), []string{"/1"}, " "},
	{"nothing is carried behind a malformed request", get("/1") + "GET /2\r\n\r\n" + get("/3"), []string{"/1"}, "malformed request line\n"},
	{"nothing is carried behind a body of unknown length", get("/1") + "POST /2" + asked + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + get("/3"),
		[]string{"/1"}, "both Content-Length and Transfer-Encoding\n"},
	{"two empty lines end it", get("/1") + "\r\n\r\n" + get("/2"), []string{"/1"}, "malformed request line\n"},
	{"bytes behind a length are the next request", "POST /1" + asked + "Content-Length: 2\r\n\r\nhi /2" + get("/2"), []string{"/1"}, "malformed request line\n"},
	{"fifty requests are carried in order", strings.Repeat(get("/1"), 50), times("/1", 50), ""},
}

func get(target string) string { return "GET " + target + asked + "\r\n" }

func TestPipelines(t *testing.T) {
	t.Parallel()
	for _, row := range pipeRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			byBoth(t, row.run)
		})
	}
}

func (row pipeRow) run(t *testing.T, secure bool) {
	g := startProxy(t, 1, overTLSIf(t, secure))
	g.backend(0).serve(answeringBy(func(m message) string { return reply("200 OK", m.target()) }))
	c := g.dial(t).securedIf(secure)
	c.send(row.send)
	for _, want := range row.want {
		if got := c.reply(); got.body != want {
			t.Errorf("got %q, want the reply to %s", got.raw(), want)
		}
	}
	if row.ended == "" {
		if got := c.ask(get("/last")); got.body != "/last" {
			t.Errorf("the request after them got %q", got.raw())
		}
		row.want = slices.Concat(row.want, []string{"/last"}) // the row is shared by both runs
	} else if rest := c.rest(); !strings.HasSuffix(rest, strings.TrimSpace(row.ended)+strings.Repeat("\n", strings.Count(row.ended, "\n"))) {
		t.Errorf("got %q at the end, want %q", rest, row.ended)
	}
	var came []string
	for _, m := range g.backend(0).seen() {
		came = append(came, m.target())
	}
	if strings.Join(came, " ") != strings.Join(row.want, " ") {
		t.Errorf("the backend got %v, want %v", came, row.want)
	}
}

// TestRepliesWaitForAClientThatDoesNotRead has more replies than the sockets hold, so that one of them is taken in part: all arrive,
// whole and in order.
func TestRepliesWaitForAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	const n = 4000
	padding := strings.Repeat("x", 3500) // a reply that a loop passes on
	var came atomic.Int32
	g := startProxy(t, 1, nil)
	g.backend(0).serve(answeringBy(func(m message) string {
		came.Add(1)
		return reply("200 OK", m.target()+padding)
	}))
	c := g.dial(t)
	var requests strings.Builder
	for i := range n {
		requests.WriteString(get("/" + decimal(i)))
	}
	c.send(requests.String())
	last, looks := int32(0), 0
	eventually(t, "the proxy goes no further", func() bool {
		if now := came.Load(); now != last {
			last, looks = now, 0
		}
		looks++
		return looks > 100 && last > 0
	})
	for i := range n {
		if got := c.reply(); got.body != "/"+decimal(i)+padding {
			t.Fatalf("reply %d of %d, %d of which waited: %.200q", i, n, last, got.raw())
		}
	}
}

// TestDrips sends requests byte by byte.
func TestDrips(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, nil)
	for _, request := range []string{get("/1"), "POST /2" + asked + "Content-Length: 5\r\n\r\nhello", "POST /3" + asked + "Transfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nX: y\r\n\r\n"} {
		c := g.dial(t)
		for i := range len(request) {
			c.send(request[i : i+1])
		}
		if got := c.reply(); got.raw() != ok {
			t.Errorf("%.10q got %q", request, got.raw())
		}
		seen := g.backend(0).seen()
		if got := seen[len(seen)-1].body; got != "" && got != "hello" {
			t.Errorf("the backend got the body %q", got)
		}
	}
}
