package http1_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/proxy/http1/http1test"
)

// A reading is one careless way to read a head, taken from what servers and proxies have been caught at. The judge
// reads a head in all of them: if two find different messages, the head could smuggle one.
type reading struct {
	name       string
	bareLF     bool // LF ends a line
	bareCR     bool // CR ends a line
	looseTE    bool // any mention of chunked counts, under a name that resembles Transfer-Encoding
	lengthWins bool // a length beats a coding
	last       bool // of several lengths or Hosts the last counts
	prefix     bool // a length is its leading digits
	base0      bool // a length may be octal or hexadecimal
	joinFolds  bool // a line that begins with white space continues the last
	trimNames  bool // white space around a name is ignored
}

var readings = []reading{
	{name: "as the RFC has it"},
	{name: "bare LF", bareLF: true},
	{name: "bare CR", bareCR: true},
	{name: "bare LF and bare CR", bareLF: true, bareCR: true},
	{name: "loose coding", looseTE: true},
	{name: "first length", lengthWins: true},
	{name: "last length", lengthWins: true, last: true},
	{name: "last Host", last: true},
	{name: "prefix of the length", prefix: true},
	{name: "folds joined", joinFolds: true},
	{name: "names trimmed", trimNames: true},
	{name: "everything at once", bareLF: true, bareCR: true, looseTE: true, lengthWins: true, last: true, prefix: true, joinFolds: true, trimNames: true},
}

// octal applies to what goes upstream only: a client may write 010.
var octal = reading{name: "octal length", base0: true, prefix: true}

// message is what a reading finds: all that decides who gets it and where the next one begins.
type message struct {
	start   string // request line or status line
	host    string
	framing string
	fields  int
	end     int // of the head
}

// judge returns the reading that disagrees with the first, or "".
func judge(head []byte, readings []reading) string {
	first := readings[0].read(head)
	for _, r := range readings[1:] {
		if m := r.read(head); m != first {
			return fmt.Sprintf("%s: %+v; %s: %+v", readings[0].name, first, r.name, m)
		}
	}
	return ""
}

func (r reading) read(head []byte) (m message) {
	var length, coding string
	hasLength := false
	name := ""
	for pos := 0; ; {
		line, next, ok := r.line(head, pos)
		pos = next
		if !ok || line == "" && m.start != "" {
			break
		}
		if m.start == "" {
			m.start = line
			continue
		}
		value := strings.TrimLeft(line, " \t")
		if !r.joinFolds || value == line {
			m.fields++
			name, value, _ = strings.Cut(line, ":")
			name = r.fold(name)
		}
		switch value = strings.Trim(value, " \t"); {
		case name == "host" && (m.host == "" || r.last):
			m.host = value
		case name == "content-length" && (!hasLength || r.last):
			length, hasLength = value, true
		case name == "transfer-encoding":
			coding += value
		}
		m.end = next
	}
	m.framing = r.framing(coding, length, hasLength)
	return m
}

// line returns the line at pos and the position after its end.
func (r reading) line(head []byte, pos int) (line string, next int, ok bool) {
	for i := pos; i < len(head); i++ {
		switch c := head[i]; {
		case c == '\r' && i+1 < len(head) && head[i+1] == '\n':
			return string(head[pos:i]), i + 2, true
		case c == '\n' && r.bareLF, c == '\r' && r.bareCR:
			return string(head[pos:i]), i + 1, true
		}
	}
	return "", len(head), false
}

func (r reading) fold(name string) string {
	if r.trimNames {
		name = strings.Trim(name, " \t\v\f\x00\u00a0")
	}
	if r.looseTE {
		name = strings.NewReplacer("_", "-", " ", "-").Replace(name)
	}
	return strings.ToLower(name)
}

func (r reading) framing(coding, length string, hasLength bool) string {
	chunked := strings.EqualFold(coding, "chunked")
	if r.looseTE {
		chunked = strings.Contains(strings.ToLower(coding), "chunk")
	}
	if chunked && !(hasLength && r.lengthWins) {
		return "chunked"
	}
	if !hasLength {
		return "none"
	}
	base := 10
	if r.base0 {
		base = 0
	}
	if r.prefix {
		length = strings.TrimLeft(length, " \t+")
		length = length[:len(length)-len(strings.TrimLeft(length, "0123456789abcdefxABCDEFX"))]
	}
	n, err := strconv.ParseUint(length, base, 63)
	return fmt.Sprint("length ", n, err == nil)
}

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

// TestJudge holds the judge itself against heads that are known to be read in two ways, all of which Parse refuses.
func TestJudge(t *testing.T) {
	const start = "POST / HTTP/1.1\r\nHost: a\r\n"
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
		head := []byte(start + fields + "\r\n")
		if judge(head, readings) == "" {
			t.Errorf("%s: all readings agree on %q", name, head)
		}
		var r http1.Request
		if n, err := r.Parse(head, 0, http1.Limits{}); err == nil {
			t.Errorf("%s: %q passes, n = %d", name, head, n)
		}
	}
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
	if dispute := judge(head, readings); dispute != "" {
		t.Errorf("received %q is read in two ways: %s", head, dispute)
	}
	out := upstream(r)
	if dispute := judge(out, append(readings, octal)); dispute != "" {
		t.Errorf("forwarded %q is read in two ways: %s", out, dispute)
	}
	if before, after := readings[0].read(head).framing, readings[0].read(out).framing; before != after {
		t.Errorf("framing is %s in %q and %s in %q", before, head, after, out)
	}
}
