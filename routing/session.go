package routing

import "strings"

// session is what is known about a pinned sid. Its shard's lock guards it. It is kept at 64 bytes, with times in seconds
// since the table's start, since there may be millions.
type session struct {
	sid     string       // never changes
	on      *incarnation // its owner; never changes: a sid that moves gets a new session
	since   uint32       // when it was learned
	placed  uint32       // when it was last put at the young end of its LRU
	used    uint32       // when its last request came or went
	polls   uint32       // open requests
	tunnels uint32       // open tunnels
	ttl     uint16       // how long it lives without a request
	eio     uint8        // the protocol's number in its requests; 0: none seen
	flags   flags

	younger, older *session // its neighbours in the LRU that it is in
}

// newSession returns a session like pin, with a copy of sid.
func newSession(sid string, pin session) *session {
	pin.sid = strings.Clone(sid)
	return &pin
}

// flags are the session's yes-or-no facts, in one byte.
type flags uint8

const (
	proven   flags = 1 << iota // a request of it came after the handshake: it is in the proven LRU
	sought                     // it was found by a search, not learned from a handshake
	counted                    // it counts in its owner's sessions
	detached                   // it is no longer in the table; only open Holds still know it
	leaving                    // its client has taken leave: it counts until its open requests have ended
)

func (s *session) is(f flags) bool { return s.flags&f != 0 }

// held reports whether a request or tunnel is open, so that it must not be evicted.
func (s *session) held() bool { return s.polls+s.tunnels > 0 }

// expired reports whether it has been silent for longer than it can live.
func (s *session) expired(now uint32) bool { return !s.held() && now > s.used+uint32(s.ttl) }

// count has the session count at its owner; it may count already.
func (s *session) count() {
	if !s.is(counted) {
		s.flags |= counted
		s.on.sessions.Add(1)
	}
}

// discount undoes count; it may be undone already.
func (s *session) discount() {
	if s.is(counted) {
		s.flags &^= counted
		s.on.sessions.Add(-1)
	}
}

// pin returns how the session came to be known.
func (s *session) pin() Pin {
	if s.is(sought) {
		return PinSought
	}
	return PinLearned
}
