package http1test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A reading is one careless way to read messages, taken from what servers and proxies have been caught at. The judge reads
// the same bytes in all of them: if two find different messages, somebody could smuggle one.
type reading struct {
	name         string
	bareLF       bool // LF ends a line
	bareCR       bool // CR ends a line
	looseCoding  bool // any mention of chunked counts, under a name that resembles Transfer-Encoding
	lengthBefore bool // a length beats a coding
	last         bool // of several lengths or Hosts the last counts
	prefix       bool // a number is its leading digits
	anyBase      bool // a length may be octal or hexadecimal
	folds        bool // a line that begins with white space continues the last
	spaces       bool // white space around a name is ignored
}

var (
	asTheRFC = reading{name: "as the RFC has it"}
	careless = []reading{
		{name: "bare LF", bareLF: true},
		{name: "bare CR", bareCR: true},
		{name: "bare LF and bare CR", bareLF: true, bareCR: true},
		{name: "loose coding", looseCoding: true},
		{name: "length before coding", lengthBefore: true},
		{name: "last length", lengthBefore: true, last: true},
		{name: "last Host", last: true},
		{name: "prefix of a number", prefix: true},
		{name: "folded lines", folds: true},
		{name: "space before the colon", spaces: true},
		{name: "all at once", bareLF: true, bareCR: true, looseCoding: true, lengthBefore: true, last: true, prefix: true, folds: true, spaces: true},
	}
	// octal applies to what goes upstream only: a client may write 010.
	octal = reading{name: "octal length", anyBase: true, prefix: true}
)

// Dispute returns how two readings of a head differ, or "".
func Dispute(head []byte) string { return dispute(careless, string(head), reading.head) }

// DisputeUpstream is Dispute for a head that a proxy has written, which must leave even less to chance.
func DisputeUpstream(head []byte) string {
	return dispute(append(slices.Clone(careless), octal), string(head), reading.head)
}

// DisputeStream returns how two readings of all that went upstream on one connection differ, or "".
func DisputeStream(stream string) string {
	return dispute(append(slices.Clone(careless), octal), stream, func(r reading, stream string) string {
		return strings.Join(r.requests(stream), "\n")
	})
}

func dispute[T comparable](readings []reading, text string, read func(reading, string) T) string {
	first := read(asTheRFC, text)
	for _, r := range readings {
		if found := read(r, text); found != first {
			return fmt.Sprintf("%s: %+v; %s: %+v", asTheRFC.name, first, r.name, found)
		}
	}
	return ""
}

// Framing says how the body behind a head is framed, as the RFC has it.
func Framing(head []byte) string { return asTheRFC.head(string(head)).framing }

// Requests lists the requests of a stream as the RFC has it: first line, host, framing, body. What follows an upgrade is not
// HTTP.
func Requests(stream string) []string { return asTheRFC.requests(stream) }

// Chunks decodes a chunked body as the RFC has it, and returns what follows it.
func Chunks(framed string) (body, rest string, whole bool) { return asTheRFC.chunks(framed) }

// head is what a reading finds: all that decides who gets a message and where the next one begins.
type head struct {
	start   string // request line or status line
	host    string
	framing string // "none", "chunked", or "length" with the number and whether it is one
	length  int
	fields  int
	upgrade bool
	end     int // where the body begins; 0 if the head is cut
}

func (r reading) head(stream string) (h head) {
	var name, length, coding string
	hasLength := false
	for pos := 0; ; {
		line, next, ok := r.line(stream, pos)
		pos = next
		switch {
		case !ok:
			return h
		case line == "" && h.start != "":
			h.end = pos
			r.frame(&h, coding, length, hasLength)
			return h
		case h.start == "":
			h.start = line
			continue
		}
		value := strings.TrimLeft(line, " \t")
		if !r.folds || value == line {
			h.fields++
			name, value, _ = strings.Cut(line, ":")
			name = r.fold(name)
		}
		switch value = strings.Trim(value, " \t"); {
		case name == "host" && (h.host == "" || r.last):
			h.host = value
		case name == "content-length" && (!hasLength || r.last):
			length, hasLength = value, true
		case name == "transfer-encoding":
			coding += value
		case name == "upgrade":
			h.upgrade = true
		}
	}
}

// line returns the line at pos and the position after its end.
func (r reading) line(stream string, pos int) (line string, next int, ok bool) {
	for i := pos; i < len(stream); i++ {
		switch c := stream[i]; {
		case c == '\r' && i+1 < len(stream) && stream[i+1] == '\n':
			return stream[pos:i], i + 2, true
		case c == '\n' && r.bareLF, c == '\r' && r.bareCR:
			return stream[pos:i], i + 1, true
		}
	}
	return "", len(stream), false
}

func (r reading) fold(name string) string {
	if r.spaces {
		name = strings.Trim(name, " \t\v\f\x00\u00a0")
	}
	if r.looseCoding {
		name = strings.NewReplacer("_", "-", " ", "-").Replace(name)
	}
	return strings.ToLower(name)
}

// frame decides how the body is framed. A length that is no number counts as none that can be had.
func (r reading) frame(h *head, coding, length string, hasLength bool) {
	chunked := strings.EqualFold(coding, "chunked")
	if r.looseCoding {
		chunked = strings.Contains(strings.ToLower(coding), "chunk")
	}
	switch {
	case chunked && !(hasLength && r.lengthBefore):
		h.framing = "chunked"
	case hasLength:
		base := 10
		if r.anyBase {
			base = 0
		}
		n, ok := r.number(length, base)
		h.framing, h.length = fmt.Sprint("length ", n, ok), n
		if !ok {
			h.length = math.MaxInt
		}
	default:
		h.framing = "none"
	}
}

func (r reading) number(s string, base int) (int, bool) {
	if r.prefix {
		s = strings.TrimLeft(s, " \t+")
		s = s[:len(s)-len(strings.TrimLeft(s, "0123456789abcdefxABCDEFX"))]
	}
	n, err := strconv.ParseUint(s, base, 63)
	return int(n), err == nil
}

func (r reading) requests(stream string) (found []string) {
	for stream != "" {
		h := r.head(stream)
		if h.end == 0 {
			return append(found, "head cut: "+h.start)
		}
		body, rest, whole := r.body(h, stream[h.end:])
		found = append(found, fmt.Sprintf("%s %s %d %s %s", h.start, h.host, h.fields, h.framing, body))
		if !whole || h.upgrade {
			break
		}
		stream = rest
	}
	return found
}

func (r reading) body(h head, stream string) (body, rest string, whole bool) {
	switch {
	case h.framing == "chunked":
		return r.chunks(stream)
	case h.length > len(stream):
		return stream, "", false
	}
	return stream[:h.length], stream[h.length:], true
}

func (r reading) chunks(stream string) (body, rest string, whole bool) {
	for {
		line, at, ok := r.line(stream, 0)
		n, good := r.number(line, 16)
		if !ok || !good || n > len(stream)-at {
			return body, "", false
		}
		body += stream[at : at+n]
		after, next, ok := r.line(stream, at+n)
		if !ok || after != "" {
			return body, "", false
		}
		if stream = stream[next:]; n == 0 {
			return body, stream, true
		}
	}
}
