package http1_test

import (
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/proxy/http1/http1test"
)

func TestAppend(t *testing.T) {
	var connect http1.Request
	_, err := connect.Parse([]byte("CONNECT a:1 HTTP/1.1\r\n"), 0, http1.Limits{})
	for want, got := range map[string][]byte{
		"GET /x HTTP/1.1\r\n":          http1.AppendRequestLine(nil, []byte("GET"), []byte("/x")),
		"OPTIONS * HTTP/1.1\r\n":       http1.AppendRequestLine(nil, "OPTIONS", "*"),
		"HTTP/1.1 404 Not Found\r\n":   http1.AppendStatusLine(nil, 404, "Not Found"),
		"HTTP/1.1 200 \r\n":            http1.AppendStatusLine(nil, 200, []byte(nil)),
		"A: b\r\n":                     http1.AppendField(nil, []byte("A"), "b"),
		"A: \r\n":                      http1.AppendField(nil, "A", []byte{}),
		"before Content-Length: 7\r\n": http1.AppendLength([]byte("before "), 7),
		"1a4\r\n":                      http1.AppendChunkHeader(nil, 420),
		"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}":               http1.AppendReply(nil, 400, "application/json", "{}", false),
		"HTTP/1.1 503 Service Unavailable\r\nContent-Type: a/b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n": http1.AppendReply(nil, 503, "a/b", []byte(nil), true),
		"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\nContent-Type: text/plain; charset=utf-8\r\n" +
			"Content-Length: 18\r\nConnection: close\r\n\r\nmethod not allowed": http1.AppendRefusal(nil, err),
	} {
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestRefusalsAreReplies demands that what each refused head of the corpus is answered with can be read as a reply, says
// why, and ends the connection where it must.
func TestRefusalsAreReplies(t *testing.T) {
	for _, file := range requestFiles {
		for _, row := range http1test.Load(t, corpus+file) {
			var request http1.Request
			_, refused := request.Parse(row.Raw, 0, http1.Limits{})
			if refused == nil {
				continue
			}
			var r http1.Response
			reply := http1.AppendRefusal(nil, refused)
			n, err := r.Parse(reply, 0, false, http1.Limits{})
			if err != nil || r.Status != refused.Status || len(r.Reason) == 0 || r.KeepAlive == refused.Close {
				t.Errorf("%s: %q: %v, %+v", row.Name, reply, err, &r)
			}
			if string(reply[n:]) != refused.Error() {
				t.Errorf("%s: body %q, want %q", row.Name, reply[n:], refused.Line)
			}
		}
	}
}

// TestNothingIsAllocated covers the whole way of a message, once the slices have grown: read, written, decoded, refused.
func TestNothingIsAllocated(t *testing.T) {
	var (
		request  http1.Request
		response http1.Response
		out      = make([]byte, 0, 4096)
		browser  = []byte(browserHead)
		server   = []byte(serverHead)
		absolute = []byte("GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n")
		chunks   = []byte(chunkedBody + "5\r\nhello\r\n0\r\nX: y\r\n\r\n")
		broken   = []byte("GET / HTTP/1.1\r\nHost: a\r\nA B: c\r\n\r\n")
	)
	for name, f := range map[string]func(){
		"request": func() {
			request.Parse(browser, 0, http1.Limits{})
			out = forward(out[:0], &request)
		},
		"reply": func() {
			response.Parse(server, 0, false, http1.Limits{})
			out = forwardFields(http1.AppendStatusLine(out[:0], response.Status, response.Reason), response.Fields)
		},
		"absolute target": func() { request.Parse(absolute, 0, http1.Limits{}) },
		"chunks": func() {
			n, _ := request.Parse(chunks, 0, http1.Limits{})
			drain(&request.Body, chunks[n:])
			out = http1.AppendLength(http1.AppendChunkHeader(out[:0], 5), 5)
		},
		"refusal": func() {
			_, err := request.Parse(broken, 0, http1.Limits{})
			out = http1.AppendRefusal(out[:0], err)
		},
	} {
		if allocs := testing.AllocsPerRun(100, f); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
