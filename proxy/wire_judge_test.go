package proxy_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A reading is one careless way to read requests, taken from what servers and proxies have been caught at. The judge
// reads all that a backend got on one connection in every reading: if two of them find different requests, the proxy
// has let somebody smuggle one.
type reading struct {
	name         string
	bareLF       bool // LF ends a line
	bareCR       bool // CR ends a line
	looseCoding  bool // any mention of chunked counts
	lengthBefore bool // a length beats a coding
	lastLength   bool // the last of several lengths counts, not the first
	prefix       bool // a number is its leading digits
	folds        bool // a line that begins with white space continues the last
	spaces       bool // white space around a name is ignored
}

var readings = []reading{
	{name: "as the RFC has it"},
	{name: "bare LF", bareLF: true},
	{name: "bare CR", bareCR: true},
	{name: "loose coding", looseCoding: true},
	{name: "length before coding", lengthBefore: true},
	{name: "last length", lengthBefore: true, lastLength: true},
	{name: "prefix of a number", prefix: true},
	{name: "folded lines", folds: true},
	{name: "space before the colon", spaces: true},
	{name: "all at once", bareLF: true, bareCR: true, looseCoding: true, lengthBefore: true, lastLength: true, prefix: true, folds: true, spaces: true},
}

// judge returns how two readings of all the bytes of a connection differ, or "".
func judge(stream string) string {
	if len(stream) >= maxKept {
		return "" // cut: the last request is not whole
	}
	first := readings[0].requests(stream)
	for _, r := range readings[1:] {
		if found := r.requests(stream); !slices.Equal(found, first) {
			return fmt.Sprintf("%s: %q; %s: %q", readings[0].name, first, r.name, found)
		}
	}
	return ""
}

// requests lists the requests of a stream: first line, host, framing, body. What follows an upgrade is not HTTP.
func (r reading) requests(stream string) (found []string) {
	for stream != "" {
		request, rest, upgrade, whole := r.request(stream)
		found = append(found, request)
		if !whole || upgrade {
			break
		}
		stream = rest
	}
	return found
}

func (r reading) request(stream string) (request, rest string, upgrade, whole bool) {
	var start, name, host, coding string
	var lengths []string
	for {
		line, next, ok := r.line(stream)
		if !ok {
			return "head cut: " + start, "", false, false
		}
		stream = next
		if line == "" && start != "" {
			break
		}
		if start == "" {
			start = line
			continue
		}
		value := strings.TrimLeft(line, " \t")
		if !r.folds || value == line {
			name, value, _ = strings.Cut(line, ":")
			name = r.nameOf(name)
		}
		switch value = strings.Trim(value, " \t"); name {
		case "host":
			host += value
		case "content-length":
			lengths = append(lengths, value)
		case "transfer-encoding":
			coding += value
		case "upgrade":
			upgrade = true
		}
	}
	framing, body, rest, whole := r.body(stream, lengths, coding)
	return fmt.Sprintf("%s %s %s %s", start, host, framing, body), rest, upgrade, whole
}

// line splits the first line off a stream.
func (r reading) line(stream string) (line, rest string, ok bool) {
	for i := range len(stream) {
		switch c := stream[i]; {
		case c == '\r' && i+1 < len(stream) && stream[i+1] == '\n':
			return stream[:i], stream[i+2:], true
		case c == '\n' && r.bareLF, c == '\r' && r.bareCR:
			return stream[:i], stream[i+1:], true
		}
	}
	return "", "", false
}

func (r reading) nameOf(name string) string {
	if r.spaces {
		name = strings.Trim(name, " \t\v\f\x00\u00a0")
	}
	if r.looseCoding {
		name = strings.NewReplacer("_", "-", " ", "-").Replace(name)
	}
	return strings.ToLower(name)
}

func (r reading) body(stream string, lengths []string, coding string) (framing, body, rest string, whole bool) {
	chunked := strings.EqualFold(coding, "chunked")
	if r.looseCoding {
		chunked = strings.Contains(strings.ToLower(coding), "chunk")
	}
	if chunked && !(r.lengthBefore && len(lengths) > 0) {
		body, rest, whole = r.chunks(stream)
		return "chunked", body, rest, whole
	}
	if len(lengths) == 0 {
		return "none", "", stream, true
	}
	length := lengths[0]
	if r.lastLength {
		length = lengths[len(lengths)-1]
	}
	n, ok := r.number(length, 10)
	if !ok || n > len(stream) {
		return fmt.Sprint("length ", n, ok), stream, "", false
	}
	return fmt.Sprint("length ", n), stream[:n], stream[n:], true
}

func (r reading) chunks(stream string) (body, rest string, whole bool) {
	for {
		line, next, ok := r.line(stream)
		n, good := r.number(line, 16)
		if !ok || !good || n > len(next) {
			return body, "", false
		}
		body += next[:n]
		after, rest, ok := r.line(next[n:])
		if !ok || after != "" {
			return body, "", false
		}
		if n == 0 {
			return body, rest, true
		}
		stream = rest
	}
}

func (r reading) number(s string, base int) (int, bool) {
	if r.prefix {
		s = strings.TrimLeft(s, " \t+")
		s = s[:len(s)-len(strings.TrimLeft(s, "0123456789abcdefABCDEF"))]
	}
	n, err := strconv.ParseUint(s, base, 31)
	return int(n), err == nil
}

// TestJudge holds the judge itself against streams that are known to be read in two ways.
func TestJudge(t *testing.T) {
	const start = "POST / HTTP/1.1\r\nHost: a\r\n"
	for name, rest := range map[string]string{
		"bare LF in a value":      "A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"bare CR in a value":      "A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"head ended by bare LF":   "A: b\n\nGET /x HTTP/1.1\r\n\r\n",
		"almost chunked":          "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"coding by an underscore": "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n",
		"coding before a space":   "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"coding and length":       "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"two lengths":             "Transfer-Encoding: chunked\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"length with a tail":      "Content-Length: 5,6\r\n\r\nhello",
		"folded coding":           "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
		"chunk size with a tail":  "Transfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\n\r\n",
	} {
		if judge(start+rest) == "" {
			t.Errorf("%s: all readings agree on %q", name, rest)
		}
	}
	if dispute := judge(start + "Content-Length: 5\r\n\r\nhello" + start + "Transfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n0\r\n\r\n"); dispute != "" {
		t.Errorf("a clean stream is in dispute: %s", dispute)
	}
}
