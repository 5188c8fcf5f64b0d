package http1test_test

import (
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/proxy/http1/http1test"
)

const post = "POST / HTTP/1.1\r\nHost: a\r\n"

// TestJudgeOfHeads holds the judge against heads that are known to be read in two ways, all of which Parse refuses.
func TestJudgeOfHeads(t *testing.T) {
	for name, fields := range map[string]string{
		"bare LF":                   "A: b\nTransfer-Encoding: chunked\r\n",
		"bare CR":                   "A: b\rTransfer-Encoding: chunked\r\n",
		"end by bare LF":            "A: b\n\nGET / HTTP/1.1\r\n",
		"loose coding":              "Transfer-Encoding: xchunked\r\n",
		"coding with an underscore": "Transfer_Encoding: chunked\r\n",
		"coding after a space":      "Transfer-Encoding : chunked\r\n",
		"coding and length":         "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
		"two lengths":               "Content-Length: 5\r\nContent-Length: 6\r\n",
		"prefix length":             "Content-Length: 5,6\r\n",
		"signed length":             "Content-Length: +5\r\n",
		"folded coding":             "Transfer-Encoding:\r\n chunked\r\n",
		"two Hosts":                 "Host: b\r\n",
	} {
		head := []byte(post + fields + "\r\n")
		if http1test.Dispute(head) == "" {
			t.Errorf("%s: all readings agree on %q", name, head)
		}
		var r http1.Request
		if n, err := r.Parse(head, 0, http1.Limits{}); err == nil {
			t.Errorf("%s: %q passes, n = %d", name, head, n)
		}
	}
	if octal := []byte(post + "Content-Length: 010\r\n\r\n"); http1test.Dispute(octal) != "" || http1test.DisputeUpstream(octal) == "" {
		t.Error("a client may write 010, a proxy may not")
	}
}

// TestJudgeOfStreams holds it against streams that are known to be read in two ways, and one that is not.
func TestJudgeOfStreams(t *testing.T) {
	for name, rest := range map[string]string{
		"bare LF in a value":     "A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"bare CR in a value":     "A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"head ended by bare LF":  "A: b\n\nGET /x HTTP/1.1\r\n\r\n",
		"almost chunked":         "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"coding and length":      "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"two lengths":            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"length with a tail":     "Content-Length: 5,6\r\n\r\nhello",
		"folded coding":          "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
		"chunk size with a tail": "Transfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\n\r\n",
	} {
		if http1test.DisputeStream(post+rest) == "" {
			t.Errorf("%s: all readings agree on %q", name, rest)
		}
	}
	clean := post + "Content-Length: 5\r\n\r\nhello" + post + "Transfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n0\r\n\r\n"
	if dispute := http1test.DisputeStream(clean); dispute != "" || len(http1test.Requests(clean)) != 2 {
		t.Errorf("a clean stream is in dispute: %s", dispute)
	}
}
