package engineio

import "time"

// MaxHandshake is how many bytes of a reply ParseHandshake looks at, and so how many a caller needs to hold: with that
// many it never asks for more.
const MaxHandshake = 64 << 10

// Verdict is what can be said of a body that may not be complete.
type Verdict uint8

const (
	NeedMore     Verdict = iota // undecided; at the end of the body it means no handshake
	Found                       // the session's sid is known
	NotHandshake                // whatever follows, this reply opens no session that we could pin
)

// String returns the verdict's name for logs and tests.
func (v Verdict) String() string {
	switch v {
	case Found:
		return "found"
	case NotHandshake:
		return "not a handshake"
	}
	return "need more"
}

// Handshake is what a server says when it opens a session.
type Handshake struct {
	SID          string        // decoded from JSON, 1 to MaxSID bytes of UTF-8; its own copy
	PingInterval time.Duration // 0 when not announced
	PingTimeout  time.Duration // 0 when not announced
	Framing      Framing
	JSONP        bool // the framing lies inside a JSONP string
}

// ParseHandshake finds the session that a polling reply opens. body is the reply's beginning; call it again with more
// of it on NeedMore. Found and NotHandshake are final: no bytes that follow change them.
//
// The reply's first packet must be an open packet, '0' and a JSON object, in any framing of any server that is known:
// revision 4, revision 3 as text or binary, and each of these inside JSONP. The keys of the object may stand in
// any order; of a repeated one the last counts, as in JavaScript, Python and Go. A sid may be a number, for a JavaScript
// server's generateId may return one and its clients send the digits back.
func ParseHandshake(body []byte) (Handshake, Verdict) {
	held := body[:min(len(body), MaxHandshake)]
	p, v := firstPacket(held)
	if v != Found {
		return Handshake{}, orNever(v, len(held) == MaxHandshake)
	}
	h, v := p.handshake()
	return h, orNever(v, p.whole || len(held) == MaxHandshake)
}

// orNever turns NeedMore into NotHandshake where no more can come.
func orNever(v Verdict, complete bool) Verdict {
	if v == NeedMore && complete {
		return NotHandshake
	}
	return v
}

// openHead begins an open packet: its type, and its payload's first byte.
const openHead = "0{"

// handshake reads an open packet.
func (p packet) handshake() (Handshake, Verdict) {
	switch {
	case p.binary:
		return Handshake{}, NotHandshake
	case len(p.data) < len(openHead):
		return Handshake{}, prefixVerdict(p.data, openHead)
	case string(p.data[:len(openHead)]) != openHead:
		return Handshake{}, NotHandshake
	}
	h := Handshake{Framing: p.framing, JSONP: p.jsonp}
	if _, v := readObject(p.data[1:], h.take); v != Found {
		return Handshake{}, v
	}
	if h.SID == "" || len(h.SID) > MaxSID {
		return Handshake{}, NotHandshake
	}
	return h, Found
}

// take puts one member of the open packet's object into h.
func (h *Handshake) take(m member) {
	switch string(m.name) {
	case "sid":
		h.SID = sidOf(m)
	case "pingInterval":
		h.PingInterval = milliseconds(m)
	case "pingTimeout":
		h.PingTimeout = milliseconds(m)
	}
}

// sidOf returns the sid as the client will send it, or "" when the value is none.
func sidOf(m member) string {
	if sid, ok := m.text(); ok {
		return sid
	}
	if _, ok := m.number(); ok {
		return string(m.value)
	}
	return ""
}

// milliseconds reads a time, or 0 when the value is no time a client can wait for: its timers end at 2³¹−1 ms.
func milliseconds(m member) time.Duration {
	const longest = 1<<31 - 1
	ms, ok := m.number()
	if !ok || ms < 0 || ms > longest {
		return 0
	}
	return time.Duration(ms * float64(time.Millisecond))
}
