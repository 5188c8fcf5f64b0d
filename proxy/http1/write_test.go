package http1_test

import (
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

func TestAppend(t *testing.T) {
	for want, got := range map[string][]byte{
		"GET /x HTTP/1.1\r\n":          http1.AppendRequestLine(nil, []byte("GET"), []byte("/x")),
		"OPTIONS * HTTP/1.1\r\n":       http1.AppendRequestLine(nil, "OPTIONS", "*"),
		"HTTP/1.1 404 Not Found\r\n":   http1.AppendStatusLine(nil, 404, "Not Found"),
		"HTTP/1.1 200 \r\n":            http1.AppendStatusLine(nil, 200, []byte(nil)),
		"A: b\r\n":                     http1.AppendField(nil, []byte("A"), "b"),
		"A: \r\n":                      http1.AppendField(nil, "A", []byte{}),
		"before Content-Length: 7\r\n": http1.AppendLength([]byte("before "), 7),
		"1a4\r\n":                      http1.AppendChunkHeader(nil, 420),
	} {
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
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
		"refusal": func() { request.Parse(broken, 0, http1.Limits{}) },
	} {
		if allocs := testing.AllocsPerRun(100, f); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
