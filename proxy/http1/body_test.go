package http1_test

import (
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

// bodyOf returns the decoder for the body of a request or a reply with that head.
func bodyOf(t *testing.T, head string) *http1.Body {
	t.Helper()
	if head[:5] == "HTTP/" {
		var r http1.Response
		if n, err := r.Parse([]byte(head), 0, false, http1.Limits{}); n != len(head) || err != nil {
			t.Fatal(n, err)
		}
		return &r.Body
	}
	var r http1.Request
	if n, err := r.Parse([]byte(head), 0, http1.Limits{}); n != len(head) || err != nil {
		t.Fatal(n, err)
	}
	return &r.Body
}

const (
	noBody       = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	lengthBody   = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
	chunkedBody  = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	closeReply   = "HTTP/1.1 200 OK\r\n\r\n"
	lengthReply  = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
	chunkedReply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
)

func TestEOF(t *testing.T) {
	for name, test := range map[string]struct {
		head, body string
		status     int // 0: the message is complete
	}{
		"a request without a body is complete":             {noBody, "", 0},
		"a request with all of its length is complete":     {lengthBody, "hello", 0},
		"a request with less than its length is not":       {lengthBody, "hell", 400},
		"a request with its last chunk is complete":        {chunkedBody, "0\r\n\r\n", 0},
		"a request without its last line is not":           {chunkedBody, "0\r\n", 400},
		"a request without any chunk is not":               {chunkedBody, "", 400},
		"a reply without a length is complete at any time": {closeReply, "hel", 0},
		"a reply with less than its length is not":         {lengthReply, "hell", 502},
		"a reply cut inside a chunk is not":                {chunkedReply, "5\r\nhel", 502},
		"a malformed chunk stays the reason":               {chunkedBody, "x", 400},
	} {
		t.Run(name, func(t *testing.T) {
			b := bodyOf(t, test.head)
			_ = drain(b, []byte(test.body))
			status := 0
			if err := b.EOF(); err != nil {
				status = err.Status
			}
			if status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
		})
	}
}

func TestZeroBodyIsDone(t *testing.T) {
	var b http1.Body
	data, n, err := b.Next([]byte("next message"))
	if !b.Done() || data != nil || n != 0 || err != nil || b.EOF() != nil {
		t.Errorf("done %v, data %q, n = %d, err = %v", b.Done(), data, n, err)
	}
}

func TestErrorOfABodyIsItsLastWord(t *testing.T) {
	b := bodyOf(t, chunkedReply)
	_, _, first := b.Next([]byte("5 hello"))
	if first == nil || first.Status != 502 || !first.Close {
		t.Fatalf("%+v", first)
	}
	if data, n, err := b.Next([]byte("5\r\nhello\r\n0\r\n\r\n")); data != nil || n != 0 || err != first || b.Done() {
		t.Errorf("data %q, n = %d, err = %v", data, n, err)
	}
	if err := b.EOF(); err != first {
		t.Errorf("EOF: %v", err)
	}
}

func TestDataCannotBeAppendedOverWhatFollows(t *testing.T) {
	buf := []byte("hello GET /")
	data, _, _ := bodyOf(t, lengthBody).Next(buf)
	_ = append(data, "XXXX"...)
	if string(buf) != "hello GET /" {
		t.Errorf("buffer is now %q", buf)
	}
}

func TestKeepAliveSeconds(t *testing.T) {
	for value, want := range map[string]int{
		"timeout=5": 5, "timeout=5, max=100": 5, "max=100, Timeout=72": 72, " timeout=2 ": 2, "timeout=99999999999": 1<<31 - 1,
		"": -1, "timeout": -1, "timeout=": -1, "timeout=x": -1, "timeout=-1": -1, "max=5": -1, "xtimeout=5": -1,
	} {
		got, ok := http1.KeepAliveSeconds([]byte(value))
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
}
