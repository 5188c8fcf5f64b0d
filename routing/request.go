package routing

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Request is all that routing looks at. Leave unknown fields zero. Its strings are not kept beyond the call.
type Request struct {
	SID      string     // percent-decoded once; may carry a tag; "": the request has none
	EIO      int        // the protocol's number; 0: unknown. It is noted for [Sessions.Lookup] and decides nothing
	Cookie   string     // value of the affinity cookie: a backend's token
	Key      string     // value of the configured query parameter or header
	ClientIP netip.Addr // past trusted proxies; the zero Addr: unknown

	// Passive requests (OPTIONS and HEAD) follow a pin but leave no trace on it, and go anywhere without one.
	Passive bool
	// Opens says that the request, which has no sid, opens a session: a polling handshake, or a WebSocket from a client
	// that does not poll. It counts as a session from now on. Other requests without a sid are in flight only.
	Opens bool
	// Upgrade says that the request asks for a WebSocket, so that its Hold is a tunnel rather than a poll.
	Upgrade bool
}

// eio is the protocol's number in a byte, which has room for all that exist.
func (r *Request) eio() uint8 { return uint8(min(uint(r.EIO), 255)) }

// Decision is where a request goes. Its Hold must be released on every path, also after a failed dial.
type Decision struct {
	Backend *Backend
	SID     string        // what the backend must see: the request's sid without its tag; set on errors as well
	Pin     Pin           // why this backend
	TTL     time.Duration // how long the session lives without a request, as learned; 0: unknown
	Hold    Hold          // the place taken at the backend
}

// Pin says what tied a request to its backend, for logs and metrics.
type Pin uint8

// What can tie a request to its backend.
const (
	PinNone    Pin = iota // nothing: the request was not placed
	PinTag                // the tag in its sid
	PinLearned            // a handshake that passed through here
	PinSought             // an earlier search for its sid
	PinCookie             // its affinity cookie
	PinKey                // its affinity key
	PinIP                 // its client's address
	PinNew                // the balancer's choice
	PinDead               // its backend process is gone, or the session was ended here: refused with ErrGone
)

// String returns the pin's name in logs and metrics, "none" for PinNone.
func (p Pin) String() string {
	return nameOf(p, "none", "tag", "learned", "sought", "cookie", "key", "ip", "new", "dead")
}

// Why a request is not placed. Route returns these values themselves, never wrapped.
var (
	// ErrUnknownSession says that nobody here knows the sid. A search may find its backend; else the client is to be
	// told that its session is unknown, so that it reconnects.
	ErrUnknownSession = errors.New("routing: session ID unknown")
	// ErrGone says that the session's backend process is gone, or that the session was ended here (Sessions.Bury). The
	// client is to be told at once; no search would help.
	ErrGone = errors.New("routing: session is gone")
	// ErrRetired is the ErrGone of a session that was ended while nothing of it was open (Sessions.Retire): its client has
	// yet to be told, and may be told as gently as by the end of a waiting poll.
	ErrRetired = fmt.Errorf("%w: retired", ErrGone)
	// ErrNoBackend says that no backend takes new sessions: none is Up, or all that are have been tried.
	ErrNoBackend = errors.New("routing: no backend is up")
	// ErrOverloaded says that every backend that is Up holds as many sessions as it may.
	ErrOverloaded = errors.New("routing: every backend is full")
)

// nameOf returns the name at v's place, "invalid" beyond them.
func nameOf[T ~uint8](v T, names ...string) string {
	if int(v) >= len(names) {
		return "invalid"
	}
	return names[v]
}
