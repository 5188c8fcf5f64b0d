package proxy_test

import (
	"strings"
	"testing"
)

// replyRow is one request and the bytes that its backend answers.
type replyRow struct {
	name   string
	send   string   // the request; "": a plain GET
	answer string   // all that the backend says
	closes bool     // the backend closes behind that
	want   []string // the replies that the client gets, bodies decoded
	ends   bool     // the client's connection is closed behind them
	reused bool     // the backend's connection serves the next request
}

const (
	plainGet = "GET /row HTTP/1.1\r\nHost: a\r\n\r\n"
	oldGet   = "GET /row HTTP/1.0\r\nHost: a\r\n\r\n"
	oldKeep  = "GET /row HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
	headRow  = "HEAD /row HTTP/1.1\r\nHost: a\r\n\r\n"
	hints    = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
	chunked  = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	stranger = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nstranger"
)

// RFC 9110 section 15.2, RFC 9112 section 9.
var interimRows = []replyRow{
	{name: "a 100 that nobody asked for is swallowed", answer: "HTTP/1.1 100 Continue\r\n\r\n" + ok, want: []string{ok}, reused: true},
	{name: "two 100 are swallowed", answer: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 2) + ok, want: []string{ok}, reused: true},
	{name: "a 103 goes on before the final reply", answer: hints + ok, want: []string{hints, ok}, reused: true},
	{name: "a 102 goes on", answer: "HTTP/1.1 102 Processing\r\n\r\n" + ok, want: []string{"HTTP/1.1 102 Processing\r\n\r\n", ok}, reused: true},
	{name: "an interim status that nobody knows goes on", answer: "HTTP/1.1 199 X\r\n\r\n" + ok, want: []string{"HTTP/1.1 199 X\r\n\r\n", ok}, reused: true},
	{name: "a 103 is nothing to an HTTP/1.0 client", send: oldKeep, answer: hints + ok,
		want: []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"}, reused: true},
	{name: "a 103 loses what concerns the connection",
		answer: "HTTP/1.1 103 X\r\nConnection: close, A\r\nKeep-Alive: timeout=5\r\nA: b\r\nLink: <x>\r\n\r\n" + ok,
		want:   []string{"HTTP/1.1 103 X\r\nLink: <x>\r\n\r\n", ok}, reused: true},
	{name: "ten interim replies go on", answer: strings.Repeat(hints, 10) + ok, want: append(times(hints, 10), ok), reused: true},
	{name: "an eleventh interim reply is too many", answer: strings.Repeat(hints, 11) + ok, want: append(times(hints, 10), badGateway)},
	{name: "eleven 100 are too many although none goes on", answer: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 11) + ok, want: []string{badGateway}},
	{name: "a final reply must follow", answer: hints, closes: true, want: []string{hints, badGateway}},
	{name: "a malformed final reply is refused behind a 103 too", answer: hints + "HTTP/1.1 999 X\r\n\r\n", want: []string{hints, badGateway}},
	{name: "a 101 that nobody asked for is refused", answer: switching + "\x81\x00", want: []string{badGateway}},
	{name: "a 101 that nobody asked for is refused behind a 103 too", answer: hints + switching, want: []string{hints, badGateway}},
	{name: "an interim reply behind the final one is nobody's", answer: ok + hints, want: []string{ok}},
	{name: "the client that expects 100 gets ours and not the backend's",
		send: "POST /row HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", answer: "HTTP/1.1 100 Continue\r\n\r\n" + ok,
		want: []string{"HTTP/1.1 100 Continue\r\n\r\n", ok}, reused: true},
}

// RFC 9112 section 6.3 and 9.3.
var limitRows = []replyRow{
	{name: "bytes behind a length are nobody's", answer: ok + "x", want: []string{ok}},
	{name: "a whole reply behind a length is nobody's", answer: ok + stranger, want: []string{ok}},
	{name: "a CRLF behind a length is nobody's", answer: ok + "\r\n", want: []string{ok}},
	{name: "a whole reply behind the last chunk is nobody's", answer: chunked + "2\r\nok\r\n0\r\n\r\n" + stranger, want: []string{chunked + "ok"}},
	{name: "a body behind HEAD is nobody's", send: headRow, answer: ok, want: []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"}},
	{name: "chunks behind HEAD are nobody's", send: headRow, answer: chunked + "2\r\nok\r\n0\r\n\r\n", want: []string{"HTTP/1.1 200 OK\r\n\r\n"}},
	{name: "a whole reply behind HEAD is nobody's", send: headRow, answer: "HTTP/1.1 200 OK\r\n\r\n" + stranger, want: []string{"HTTP/1.1 200 OK\r\n\r\n"}},
	{name: "a body behind 204 is nobody's", answer: "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", want: []string{"HTTP/1.1 204 No Content\r\n\r\n"}},
	{name: "a whole reply behind 204 is nobody's", answer: "HTTP/1.1 204 No Content\r\n\r\n" + stranger, want: []string{"HTTP/1.1 204 No Content\r\n\r\n"}},
	{name: "a body behind 304 is nobody's", answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok",
		want: []string{"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n"}},
	{name: "a whole reply behind 304 is nobody's", answer: "HTTP/1.1 304 Not Modified\r\n\r\n" + stranger, want: []string{"HTTP/1.1 304 Not Modified\r\n\r\n"}},
	{name: "a HEAD that keeps to its head leaves the connection good", send: headRow, answer: "HTTP/1.1 200 OK\r\n\r\n", want: []string{"HTTP/1.1 200 OK\r\n\r\n"}, reused: true},
	{name: "a 204 that keeps to its head leaves the connection good", answer: "HTTP/1.1 204 No Content\r\n\r\n", want: []string{"HTTP/1.1 204 No Content\r\n\r\n"}, reused: true},
	{name: "a backend that closes does not close the client", answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", closes: true, want: []string{ok}},
	{name: "a backend that closes unannounced does not close the client", answer: ok, closes: true, want: []string{ok}},
	{name: "an HTTP/1.0 backend that keeps its connection is used again",
		answer: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", want: []string{ok}, reused: true},
	{name: "an HTTP/1.0 backend is not used again otherwise", answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", want: []string{ok}},
	{name: "until the end becomes chunks", answer: "HTTP/1.1 200 OK\r\n\r\nok", closes: true, want: []string{chunked + "ok"}},
	{name: "until the end may be empty", answer: "HTTP/1.1 200 OK\r\n\r\n", closes: true, want: []string{chunked}},
	{name: "until the end goes on as it is to HTTP/1.0", send: oldKeep, answer: "HTTP/1.1 200 OK\r\n\r\nok", closes: true,
		want: []string{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"}, ends: true},
	{name: "chunks go on as they are decoded to HTTP/1.0", send: oldKeep, answer: chunked + "2\r\nok\r\n0\r\n\r\n",
		want: []string{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"}, ends: true, reused: true},
	{name: "a length keeps the HTTP/1.0 client that asks for it", send: oldKeep, answer: ok,
		want: []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"}, reused: true},
	{name: "a length closes the HTTP/1.0 client that does not ask", send: oldGet, answer: ok,
		want: []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"}, ends: true, reused: true},
	{name: "a backend's keep-alive does not bind the client",
		send: "GET /row HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
		want: []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"}, ends: true, reused: true},
	{name: "a backend that keeps its connection for five seconds is used again", answer: "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok", want: []string{ok}, reused: true},
	{name: "a backend that keeps its connection for one second is not used again, for it may close it right now",
		answer: "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=100\r\nContent-Length: 2\r\n\r\nok", want: []string{ok}},
	{name: "a backend that keeps its connection for no time is not used again",
		answer: "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok", want: []string{ok}},
	{name: "a Keep-Alive that says nothing of time is no reason", answer: "HTTP/1.1 200 OK\r\nKeep-Alive: max=100\r\nContent-Length: 2\r\n\r\nok", want: []string{ok}, reused: true},
	{name: "a Keep-Alive that is no number is no reason", answer: "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=x\r\nContent-Length: 2\r\n\r\nok", want: []string{ok}, reused: true},
	{name: "a 408 of the backend ends the client's connection", answer: "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
		want: []string{"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"}, ends: true, reused: true},
	{name: "a reply without a head is refused", answer: "ok", closes: true, want: []string{badGateway}},
	{name: "no reply at all is refused", answer: "", closes: true, want: []string{badGateway}},
	{name: "no reply at all to a POST is refused", send: "POST /row HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", answer: "", closes: true, want: []string{badGateway}},
}

// RFC 9110 section 7.6.1 and 10.1; nothing is invented.
var fieldRows = []replyRow{
	{name: "order, case and repetition of fields are kept",
		answer: "HTTP/1.1 200 Fine\r\nsEt-cOOkie: b=1\r\nX: 1\r\nSet-Cookie: a=1\r\nDate: x\r\nServer: y\r\nCONTENT-LENGTH: 2\r\n\r\nok",
		want:   []string{"HTTP/1.1 200 Fine\r\nsEt-cOOkie: b=1\r\nX: 1\r\nSet-Cookie: a=1\r\nDate: x\r\nServer: y\r\nCONTENT-LENGTH: 2\r\n\r\nok"}, reused: true},
	{name: "what concerns the backend's connection ends here",
		answer: "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nProxy-Connection: keep-alive\r\nTE: x\r\n" +
			"Upgrade: h2c\r\nProxy-Authenticate: Basic\r\nTrailer: X\r\nContent-Length: 2\r\n\r\nok",
		want: []string{ok}, reused: true},
	{name: "trailers and chunk extensions end here", answer: chunked + "2;a=b\r\nok\r\n0;c\r\nX: 1\r\n\r\n", want: []string{chunked + "ok"}, reused: true},
	{name: "a coding of the content is not touched",
		answer: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
		want:   []string{"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\nContent-Length: 2\r\n\r\n\x1f\x8b"}, reused: true},
	{name: "Alt-Svc goes on", answer: "HTTP/1.1 200 OK\r\nAlt-Svc: clear\r\nContent-Length: 2\r\n\r\nok",
		want: []string{"HTTP/1.1 200 OK\r\nAlt-Svc: clear\r\nContent-Length: 2\r\n\r\nok"}, reused: true},
	{name: "a 502 of the backend is the backend's", answer: "HTTP/1.1 502 Mine\r\nContent-Length: 2\r\n\r\nno", want: []string{"HTTP/1.1 502 Mine\r\nContent-Length: 2\r\n\r\nno"}, reused: true},
	{name: "an empty reason stays empty", answer: "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", want: []string{"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"}, reused: true},
	{name: "a redirect to the backend itself is not rewritten", answer: "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
		want: []string{"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"}, reused: true},
	{name: "bytes above 0x7f go on", answer: "HTTP/1.1 200 \xe9\r\nX: \xff\r\nContent-Length: 2\r\n\r\nok",
		want: []string{"HTTP/1.1 200 \xe9\r\nX: \xff\r\nContent-Length: 2\r\n\r\nok"}, reused: true},
}

func TestReplies(t *testing.T) {
	t.Parallel()
	k := &replyRun{rig: startProxy(t, 1, nil), parent: t}
	k.backend(0).serve(k.script)
	for family, rows := range map[string][]replyRow{"interim": interimRows, "where a reply ends": limitRows, "fields": fieldRows} {
		for _, row := range rows {
			t.Run(family+"/"+row.name, func(t *testing.T) { k.converse(t, row) })
		}
	}
}

// converse sends the row's request and holds the replies to it against the row, byte by byte but for the chunks.
func (k *replyRun) converse(t *testing.T, row replyRow) {
	k.reply.Store(&row.answer)
	k.closes.Store(row.closes)
	if row.send == "" {
		row.send = plainGet
	}
	c := k.client(t)
	c.send(row.send)
	method, _, _ := strings.Cut(row.send, " ")
	for i, want := range row.want {
		if got := c.replyTo(method); got.head+got.body != want {
			t.Fatalf("reply %d is %q, want %q", i, got.raw(), want)
		}
	}
	if row.ends != c.lastCloses {
		t.Errorf("the client's connection is to be closed: %v, want %v", c.lastCloses, row.ends)
	}
	k.probe(t, c, row.reused)
}

// times returns n times the same.
func times(s string, n int) (all []string) {
	for range n {
		all = append(all, s)
	}
	return all
}
