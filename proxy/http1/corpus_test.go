package http1_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/proxy/http1/http1test"
)

const corpus = "../../testdata/http1/"

var requestFiles = []string{"framing.txt", "syntax.txt", "upgrades.txt"}

// TestRequests and TestReplies hold every row of testdata/http1 against what it says, whole, byte by byte, and cut in two
// at every place.
func TestRequests(t *testing.T) {
	for _, file := range requestFiles {
		for _, row := range http1test.Load(t, corpus+file) {
			t.Run(file+"/"+row.Name, func(t *testing.T) {
				t.Parallel()
				testRow(t, row, readRequest)
			})
		}
	}
}

func TestReplies(t *testing.T) {
	for _, row := range http1test.Load(t, corpus+"replies.txt") {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			testRow(t, row, func(pieces [][]byte) outcome { return readReply(pieces, row.Method) })
		})
	}
}

func testRow(t *testing.T, row http1test.Row, read func(pieces [][]byte) outcome) {
	whole := read([][]byte{row.Raw})
	if whole.verdict != row.Verdict {
		t.Fatalf("verdict %s %v, want %s %v", whole.verdict, whole.keys, row.Verdict, row.Want)
	}
	for key, want := range row.Want {
		if got, ok := whole.keys[key]; got != want || !ok {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
	if got := read(drip(row.Raw)); got.String() != whole.String() {
		t.Errorf("byte by byte: %s\nwhole: %s", got, whole)
	}
	step := 1 + len(row.Raw)/256 // every place in the rows people write, some hundred in the long ones
	for cut := 0; cut <= len(row.Raw); cut += step {
		if got := read([][]byte{row.Raw[:cut], row.Raw[cut:]}); got.String() != whole.String() {
			t.Errorf("cut at %d: %s\nwhole: %s", cut, got, whole)
		}
	}
}

// drip cuts raw into single bytes, a long one into a few thousand pieces.
func drip(raw []byte) (pieces [][]byte) {
	return slices.Collect(slices.Chunk(raw, 1+len(raw)/2048))
}

// outcome is what became of some bytes, in the words of the rows.
type outcome struct {
	verdict string
	keys    map[string]string
}

func (o outcome) String() string { return fmt.Sprint(o.verdict, " ", o.keys) }

func refusal(err *http1.Error) outcome {
	return outcome{"refuse", map[string]string{"status": strconv.Itoa(err.Status), "line": err.Line, "close": yes(err.Close)}}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// stream collects pieces as a connection does: what has been read and not been used up.
type stream struct {
	pieces [][]byte
	buf    []byte
}

// more adds the next piece and tells whether there was one. It moves the buffer, as a growing one may be moved.
func (s *stream) more() bool {
	if len(s.pieces) == 0 {
		return false
	}
	s.buf = append(append(make([]byte, 0, len(s.buf)+len(s.pieces[0])), s.buf...), s.pieces[0]...)
	s.pieces = s.pieces[1:]
	return true
}

// head feeds parse until it has a verdict; ok is false when the bytes end before.
func (s *stream) head(parse func(buf []byte, seen int) (int, *http1.Error)) (n int, err *http1.Error, ok bool) {
	for seen := 0; s.more(); seen = len(s.buf) {
		if n, err = parse(s.buf, seen); n > 0 || err != nil {
			return n, err, true
		}
	}
	return 0, nil, false
}

// body decodes the rest of the stream and tells all about it in keys.
func (s *stream) body(b *http1.Body, keys map[string]string) *http1.Error {
	var body []byte
	defer func() { keys["body"], keys["done"], keys["rest"] = string(body), yes(b.Done()), string(s.buf) }()
	for {
		data, n, err := b.Next(s.buf)
		body = append(body, data...)
		if err != nil {
			return err
		}
		s.buf = s.buf[n:]
		if n == 0 && !s.more() {
			return nil
		}
	}
}

func readRequest(pieces [][]byte) outcome {
	s := stream{pieces: pieces}
	var r http1.Request
	n, err, ok := s.head(func(buf []byte, seen int) (int, *http1.Error) { return r.Parse(buf, seen, http1.Limits{}) })
	switch {
	case !ok:
		return outcome{verdict: "more"}
	case err != nil:
		return refusal(err)
	}
	keys := map[string]string{
		"method": string(r.Method), "target": string(r.Target), "host": string(r.Host), "minor": strconv.Itoa(r.Minor),
		"framing": framingName(r.Body.Framing), "keepalive": yes(r.KeepAlive), "expect": yes(r.Expect), "upgrade": yes(r.Upgrade),
		"forward": string(forwardFields(nil, r.Fields)),
	}
	return s.finish(n, &r.Body, keys)
}

func readReply(pieces [][]byte, method string) outcome {
	s := stream{pieces: pieces}
	var r http1.Response
	n, err, ok := s.head(func(buf []byte, seen int) (int, *http1.Error) {
		return r.Parse(buf, seen, method == "HEAD", http1.Limits{})
	})
	switch {
	case !ok:
		return outcome{verdict: "more"}
	case err != nil:
		return refusal(err)
	}
	keys := map[string]string{
		"status": strconv.Itoa(r.Status), "reason": string(r.Reason), "minor": strconv.Itoa(r.Minor),
		"framing": framingName(r.Body.Framing), "keepalive": yes(r.KeepAlive), "upgrade": yes(r.Upgrade),
		"forward": string(forwardFields(nil, r.Fields)),
	}
	return s.finish(n, &r.Body, keys)
}

// finish reads the body behind a head of n bytes.
func (s *stream) finish(n int, b *http1.Body, keys map[string]string) outcome {
	s.buf = s.buf[n:]
	if err := s.body(b, keys); err != nil {
		o := refusal(err)
		o.keys["at"], o.keys["body"] = "body", keys["body"]
		return o
	}
	return outcome{"pass", keys}
}

func framingName(f http1.Framing) string {
	return [...]string{http1.NoBody: "none", http1.Length: "length", http1.Chunked: "chunked", http1.UntilClose: "close"}[f]
}

// forwardFields writes the field lines that go on.
func forwardFields(dst []byte, fields []http1.Field) []byte {
	for i := range fields {
		if !fields[i].Hop {
			dst = http1.AppendField(dst, fields[i].Name, fields[i].Value)
		}
	}
	return dst
}
