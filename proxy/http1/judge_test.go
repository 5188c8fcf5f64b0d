package http1_test

import (
	"bytes"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/proxy/http1/http1test"
)

// upstream writes a request as a carrier does, without the fields of its own that do not matter here.
func upstream(r *http1.Request) []byte {
	out := http1.AppendRequestLine(nil, r.Method, r.Target)
	out = forwardFields(out, r.Fields)
	if !r.Has(http1.Host) {
		out = http1.AppendField(out, "Host", hostOr(r.Host, "backend"))
	}
	if r.Body.Framing == http1.Chunked {
		out = http1.AppendField(out, "Transfer-Encoding", "chunked")
	}
	if r.Upgrade {
		out = http1.AppendField(http1.AppendField(out, "Connection", "Upgrade"), "Upgrade", "websocket")
	}
	return append(out, http1.CRLF...)
}

func hostOr(host []byte, other string) []byte {
	if len(host) == 0 {
		return []byte(other)
	}
	return host
}

// TestJudgeAgrees reads all admitted heads of the corpus, as received and as forwarded.
func TestJudgeAgrees(t *testing.T) {
	for _, file := range requestFiles {
		for _, row := range http1test.Load(t, corpus+file) {
			var r http1.Request
			n, err := r.Parse(row.Raw, 0, http1.Limits{})
			if n == 0 || err != nil {
				continue
			}
			judgeRequest(t, &r, row.Raw[:n])
		}
	}
}

// judgeRequest demands that all readings of an admitted head find one message, and the same one before and after.
func judgeRequest(t *testing.T, r *http1.Request, head []byte) {
	t.Helper()
	head = bytes.TrimPrefix(head, []byte("\r\n"))
	if dispute := http1test.Dispute(head); dispute != "" {
		t.Errorf("received %q is read in two ways: %s", head, dispute)
	}
	out := upstream(r)
	if dispute := http1test.DisputeUpstream(out); dispute != "" {
		t.Errorf("forwarded %q is read in two ways: %s", out, dispute)
	}
	if before, after := http1test.Framing(head), http1test.Framing(out); before != after {
		t.Errorf("framing is %s in %q and %s in %q", before, head, after, out)
	}
}
