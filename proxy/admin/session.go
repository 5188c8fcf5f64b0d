package admin

import (
	"strings"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// Session is the answer of /sessions/{sid}: where the session's next request goes, and why.
type Session struct {
	SID     string `json:"sid"`     // without its tag, as its backend knows it
	Backend string `json:"backend"` // its ID
	URL     string `json:"url"`
	State   string `json:"state"` // of the backend; removed if it has left the pool
	// Pin is what ties the session to its backend, in routing's words: tag, learned (from its handshake), sought (found by
	// a search) or dead: its backend's process is gone, and its client is told so.
	Pin string `json:"pin"`
	// Known says that the session stands in the table, so that the fields below mean something; else its tag alone
	// names its backend.
	Known   bool       `json:"known"`
	Proven  bool       `json:"proven"`          // a request came after it was learned
	Since   *time.Time `json:"since,omitempty"` // when it was learned
	Used    *time.Time `json:"used,omitempty"`  // when its last request came or went
	EIO     int        `json:"eio"`             // the protocol's number in its requests; 0: none seen
	Polls   int        `json:"polls"`           // open requests
	Tunnels int        `json:"tunnels"`         // open tunnels
	TTL     int        `json:"ttl_seconds"`     // how long it lives without a request
}

// explain follows a sid as the router does: a valid tag outranks what was learned.
func (s *Server) explain(sid string) (Session, bool) {
	bare, tagged := s.untag(sid)
	e, known := s.cfg.Sessions.Lookup(bare)
	switch {
	case tagged != nil && (!known || e.Backend.ID() != tagged.ID()):
		return tiedByTag(bare, tagged), true
	case !known:
		return Session{}, false
	}
	found := Session{
		SID: bare, Pin: pinOf(e, tagged).String(), Known: true,
		Backend: e.Backend.ID(), URL: e.Backend.URL(), State: e.Backend.State().String(),
		Proven: e.Proven, EIO: e.EIO, Polls: e.Polls, Tunnels: e.Tunnels, TTL: int(e.TTL / time.Second),
	}
	since, used := e.Since.UTC().Truncate(time.Second), e.Used.UTC().Truncate(time.Second)
	found.Since, found.Used = &since, &used
	return found, true
}

// pinOf says what ties a session of the table to its backend.
func pinOf(e routing.Entry, tagged *routing.Backend) routing.Pin {
	switch {
	case e.Dead:
		return routing.PinDead
	case tagged != nil:
		return routing.PinTag
	case e.Proof == routing.BySearch:
		return routing.PinSought
	}
	return routing.PinLearned
}

// tiedByTag is a session of which nothing is known but what its sid says.
func tiedByTag(sid string, b *routing.Backend) Session {
	pin, state := routing.PinTag, b.State()
	if state == routing.Down || state == routing.Removed {
		pin = routing.PinDead
	}
	return Session{SID: sid, Backend: b.ID(), URL: b.URL(), State: state.String(), Pin: pin.String()}
}

// untag takes off a sid what routing.TagSID put on, and returns its backend; nil if it has no tag, or nobody's.
func (s *Server) untag(sid string) (string, *routing.Backend) {
	at := strings.LastIndexByte(sid, '~')
	if !s.cfg.SIDTag || at < 1 {
		return sid, nil
	}
	if b := s.cfg.Pool.Snapshot().ByToken(sid[at+1:]); b != nil {
		return sid[:at], b
	}
	return sid, nil
}
