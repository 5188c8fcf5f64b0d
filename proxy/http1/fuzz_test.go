package http1_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"slices"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/proxy/http1/http1test"
)

// FuzzRequest demands of any bytes:
//   - the verdict does not depend on how they come;
//   - nothing behind the head has a say in it;
//   - an admitted head is read alike by the strict and the careless, and by net/http where that reads it at all;
//   - what is forwarded is admitted again, with the same meaning.
func FuzzRequest(f *testing.F) {
	for _, file := range requestFiles {
		for _, row := range shortRows(f, file) {
			f.Add(row.Raw, uint16(len(row.Raw)/2))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, cut uint16) {
		sameHoweverCut(t, raw, int(cut), readRequest)
		before := bytes.Clone(raw)
		var r http1.Request
		n, err := r.Parse(raw, 0, http1.Limits{})
		checkLength(t, raw, n, func(buf []byte) (int, *http1.Error) {
			return new(http1.Request).Parse(buf, 0, http1.Limits{})
		})
		if n == 0 || err != nil {
			return
		}
		judgeRequest(t, &r, raw[:n])
		out := upstream(&r)
		if !bytes.Equal(raw, before) {
			t.Errorf("%q was changed into %q", before, raw)
		}
		checkForwarded(t, &r, out)
		checkNetHTTP(t, &r, out)
	})
}

// shortRows leaves out the rows about limits: mutating long seeds is slow and finds nothing.
func shortRows(f *testing.F, file string) []http1test.Row {
	return slices.DeleteFunc(http1test.Load(f, corpus+file), func(row http1test.Row) bool { return len(row.Raw) > 1024 })
}

// sameHoweverCut compares the outcomes of raw in one piece, in two, and in single bytes.
func sameHoweverCut(t *testing.T, raw []byte, cut int, read func([][]byte) outcome) {
	t.Helper()
	whole := read([][]byte{raw}).String()
	at := cut % (len(raw) + 1)
	if got := read([][]byte{raw[:at], raw[at:]}).String(); got != whole {
		t.Errorf("%q cut at %d: %s\nwhole: %s", raw, at, got, whole)
	}
	if got := read(drip(raw)).String(); got != whole {
		t.Errorf("%q byte by byte: %s\nwhole: %s", raw, got, whole)
	}
}

// checkLength demands that a head of n bytes is complete with them and not before.
func checkLength(t *testing.T, raw []byte, n int, parse func([]byte) (int, *http1.Error)) {
	t.Helper()
	if n == 0 {
		return
	}
	if n > len(raw) {
		t.Fatalf("%d bytes used of %d", n, len(raw))
	}
	if got, _ := parse(raw[:n]); got != n {
		t.Errorf("%q: n = %d without what follows, %d with it", raw, got, n)
	}
	if got, err := parse(raw[:n-1]); got != 0 || err != nil {
		t.Errorf("%q: n = %d, err = %v without its last byte", raw[:n-1], got, err)
	}
}

// checkForwarded demands that the next proxy of our kind understands the same.
func checkForwarded(t *testing.T, r *http1.Request, out []byte) {
	t.Helper()
	var again http1.Request
	n, err := again.Parse(out, 0, http1.Limits{HeadBytes: 2 * len(out), Fields: len(r.Fields) + 10})
	if err != nil || n != len(out) {
		t.Fatalf("forwarded %q: n = %d, err = %v", out, n, err)
	}
	same := bytes.Equal(r.Method, again.Method) && bytes.Equal(r.Target, again.Target) &&
		bytes.Equal(hostOr(r.Host, "backend"), again.Host) && r.Body.Framing == again.Body.Framing &&
		r.Body.Length == again.Body.Length && r.Upgrade == again.Upgrade
	if !same {
		t.Errorf("forwarded %q: %+v became %+v", out, r, &again)
	}
	if second := upstream(&again); !bytes.Equal(second, out) && r.Has(http1.Host) {
		t.Errorf("forwarded %q becomes %q the second time", out, second)
	}
}

// checkNetHTTP demands that net/http, where it reads the forwarded head, reads the same.
func checkNetHTTP(t *testing.T, r *http1.Request, out []byte) {
	t.Helper()
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(out)))
	if err != nil {
		return
	}
	length := map[http1.Framing]int64{http1.NoBody: 0, http1.Length: r.Body.Length, http1.Chunked: -1}[r.Body.Framing]
	if req.Method != string(r.Method) || req.RequestURI != string(r.Target) || req.ContentLength != length {
		t.Errorf("net/http reads %q as %s %s with length %d", out, req.Method, req.RequestURI, req.ContentLength)
	}
}

// FuzzResponse demands the same of replies.
func FuzzResponse(f *testing.F) {
	for _, row := range shortRows(f, "replies.txt") {
		f.Add(row.Raw, row.Method == "HEAD", uint16(len(row.Raw)/2))
	}
	f.Fuzz(func(t *testing.T, raw []byte, head bool, cut uint16) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		sameHoweverCut(t, raw, int(cut), func(pieces [][]byte) outcome { return readReply(pieces, method) })
		var r http1.Response
		n, err := r.Parse(raw, 0, method == "HEAD", http1.Limits{})
		checkLength(t, raw, n, func(buf []byte) (int, *http1.Error) {
			return new(http1.Response).Parse(buf, 0, method == "HEAD", http1.Limits{})
		})
		if err != nil && (n != 0 || err.Status != 502 || !err.Close) {
			t.Errorf("%q: n = %d with %+v", raw, n, err)
		}
		if n == 0 || err != nil {
			return
		}
		if dispute := http1test.Dispute(raw[:n]); dispute != "" {
			t.Errorf("%q is read in two ways: %s", raw[:n], dispute)
		}
		if r.KeepAlive && r.Body.Framing == http1.UntilClose {
			t.Errorf("%q: connection kept without an end", raw)
		}
	})
}

// FuzzBody demands of any bytes taken as chunks: however they come, the same data, the same end and the same error; no
// byte used beyond the end; data that httputil's reader finds too.
func FuzzBody(f *testing.F) {
	const head = chunkedBody
	for _, row := range shortRows(f, "framing.txt") {
		if body, ok := bytes.CutPrefix(row.Raw, []byte(head)); ok {
			f.Add(body, uint16(len(body)/2))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, cut uint16) {
		all := append([]byte(head), raw...)
		sameHoweverCut(t, all, len(head)+int(cut)%(len(raw)+1), readRequest)
		o := readRequest([][]byte{all})
		if o.verdict != "pass" || o.keys["done"] != "yes" {
			return
		}
		used := len(raw) - len(o.keys["rest"])
		if got := readRequest([][]byte{all[:len(head)+used]}); got.keys["body"] != o.keys["body"] || got.keys["done"] != "yes" {
			t.Errorf("%q: %v without what follows", raw, got)
		}
		data, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(raw[:used])))
		if err == nil && string(data) != o.keys["body"] {
			t.Errorf("%q: httputil finds %q, we %q", raw, data, o.keys["body"])
		}
	})
}
