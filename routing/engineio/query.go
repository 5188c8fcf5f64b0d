package engineio

import (
	"bytes"
	"errors"
)

// MaxSID is the length in bytes, after decoding, of the longest sid that is accepted anywhere in this package.
const MaxSID = 256

// What ParseQuery refuses. Each text is one plain line that may be shown to the client, and repeats nothing of the
// request. Backends read such targets differently from one another, so that no proxy can say which session they name.
var (
	ErrDisguised = errors.New("a query parameter that decodes to sid, EIO or transport must be spelled exactly so")
	ErrRepeated  = errors.New("sid, EIO and transport may stand only once in the query")
	ErrMalformed = errors.New("the value of sid, EIO or transport has a malformed percent escape")
	ErrSemicolon = errors.New("sid, EIO and transport must be separated by '&', not by ';'")
	ErrFragment  = errors.New("a request target must not contain '#'")
	ErrLongSID   = errors.New("sid is longer than 256 bytes")
)

// Query is what an Engine.IO request says of itself in the query of its target. Its strings are its own: they
// stay valid when the target's bytes are used again. The zero value is the Query of a target without parameters.
type Query struct {
	SID       string // decoded once; "" when absent or empty, which both open a session
	EIO       int    // the protocol revision; 0 when absent or not a plain decimal number
	HasEIO    bool   // EIO is present, with whatever value
	Transport string // decoded; "polling", "websocket", …; "" when absent
	JSONP     string // decoded value of j, the number of the callback to wrap replies in; from the client, never echo it
	HasJSONP  bool   // j is present, with whatever value: the client polls by script tags
	B64       bool   // b64 is present and not empty: the client cannot read binary replies (EIO=3)
}

// ParseQuery reads the query of target, a request target in origin-form as it was received ("/path?query"). The
// target is only read, for it is forwarded byte for byte.
//
// Names and values are decoded once, with '+' for a space, as every Engine.IO server does. Of j and b64 the first
// counts. A malformed escape in the value of sid, EIO or transport is an error, because Node and Python keep such an
// escape as text while Go's net/url drops the whole parameter; elsewhere it is nobody's business here.
//
// The error is one of the Err values above. The Query is filled in even then, as far as that is possible: HasEIO tells
// whether EIO was named in any spelling, so that a caller can let pass what is certainly meant for some other application.
func ParseQuery(target []byte) (Query, error) {
	var q Query
	err := q.Parse(target)
	return q, err
}

// Parse is ParseQuery into a Query that has been used before, whose values it replaces. A string that is the same
// as before is kept, so that nothing is allocated for the requests of one session on one kept-alive connection.
func (q *Query) Parse(target []byte) error {
	old := *q
	*q = Query{}
	_, query, _ := bytes.Cut(target, question)
	seen := seenParams{
		escapes: bytes.IndexByte(query, '%') >= 0,
		pluses:  bytes.IndexByte(query, '+') >= 0,
	}
	if bytes.IndexByte(query, '#') >= 0 {
		seen.refuse(ErrFragment)
	}
	if bytes.IndexByte(query, ';') >= 0 && splitBySemicolon(query) {
		seen.refuse(ErrSemicolon)
	}
	for len(query) > 0 {
		var name, value []byte
		name, value, query = nextParam(query)
		q.take(&seen, &old, name, value)
	}
	return seen.err
}

// seenParams is what Parse must remember from one parameter to the next.
type seenParams struct {
	sid, transport bool
	escapes        bool // there is a '%' somewhere in the query
	pluses         bool // there is a '+' somewhere in the query
	err            error
}

// refuse notes why the request is to be refused; the first reason stays.
func (s *seenParams) refuse(err error) {
	if s.err == nil {
		s.err = err
	}
}

// take puts one parameter, given as received, into q.
func (q *Query) take(seen *seenParams, old *Query, name, value []byte) {
	if seen.escapes && bytes.IndexByte(name, '%') >= 0 {
		var buf [maxNameLen]byte
		name = unescapeName(buf[:0], name)
		if routes(name) {
			q.HasEIO = q.HasEIO || string(name) == "EIO"
			seen.refuse(ErrDisguised)
			return
		}
	}
	switch string(name) {
	case "sid":
		q.takeSID(seen, old, value)
	case "EIO":
		q.takeEIO(seen, value)
	case "transport":
		q.takeTransport(seen, old, value)
	case "j":
		q.takeJSONP(old, value)
	case "b64":
		q.B64 = q.B64 || len(value) > 0
	}
}

// routes tells whether a decoded name is one of the three by which backends tell sessions and transports apart.
func routes(name []byte) bool {
	switch string(name) {
	case "sid", "EIO", "transport":
		return true
	}
	return false
}

func (q *Query) takeSID(seen *seenParams, old *Query, value []byte) {
	if seen.sid {
		seen.refuse(ErrRepeated)
		return
	}
	seen.sid = true
	if len(value) > 3*MaxSID { // three raw bytes make one at most
		seen.refuse(ErrLongSID)
		return
	}
	var buf [MaxSID]byte
	sid := seen.decode(buf[:0], value)
	if len(sid) > MaxSID {
		seen.refuse(ErrLongSID)
		return
	}
	q.SID = keep(old.SID, sid)
}

func (q *Query) takeEIO(seen *seenParams, value []byte) {
	if q.HasEIO {
		seen.refuse(ErrRepeated)
		return
	}
	q.HasEIO = true
	var buf [16]byte
	q.EIO = revision(seen.decode(buf[:0], value))
}

func (q *Query) takeTransport(seen *seenParams, old *Query, value []byte) {
	if seen.transport {
		seen.refuse(ErrRepeated)
		return
	}
	seen.transport = true
	var buf [32]byte
	switch transport := seen.decode(buf[:0], value); string(transport) {
	case "polling":
		q.Transport = "polling" // these two are nearly all, and a constant needs no copy
	case "websocket":
		q.Transport = "websocket"
	default:
		q.Transport = keep(old.Transport, transport)
	}
}

func (q *Query) takeJSONP(old *Query, value []byte) {
	if q.HasJSONP {
		return
	}
	q.HasJSONP = true
	var buf [16]byte
	index, _ := unescape(buf[:0], value)
	q.JSONP = keep(old.JSONP, index)
}

// decode decodes the value of one of the three routing parameters. The result is value itself where there is nothing
// to decode, else it has been appended to buf.
func (s *seenParams) decode(buf, value []byte) []byte {
	if !s.escapes && !s.pluses {
		return value // not to search every value again saves 18 of 82 ns
	}
	decoded, ok := unescape(buf, value)
	if !ok {
		s.refuse(ErrMalformed)
	}
	return decoded
}

// keep returns the text as a string of its own: the old one if that says the same.
func keep(old string, text []byte) string {
	if string(text) == old {
		return old
	}
	return string(text)
}

// revision reads a protocol number in its only spelling: servers compare the text, so that "04" is not 4 to them.
func revision(text []byte) int {
	if len(text) == 0 || len(text) > 9 || text[0] == '0' {
		return 0
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}
