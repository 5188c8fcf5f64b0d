package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-proxy/holdfast/healthcheck"
	"github.com/holdfast-proxy/holdfast/routing"
)

// legacy is what a running holdfast tells its successor before the sessions.
type legacy struct {
	PID      int             `json:"pid"`
	Version  string          `json:"version"`
	Backends []legacyBackend `json:"backends"` // which sessions name by their place in this list
}

type legacyBackend struct {
	ID          string `json:"id"`
	URL         string `json:"url"`
	Weight      int    `json:"weight"`
	MaxSessions int    `json:"max_sessions"`
	Backup      bool   `json:"backup"`
	Draining    bool   `json:"draining"` // as the operator wants it
	Left        bool   `json:"left"`     // it is in no list of backends any more, and stays for its sessions
	Health      string `json:"health"`   // as healthcheck.Status spells it; "": not checked
}

func (b *legacyBackend) member() routing.Member {
	return routing.Member{
		BackendConfig: routing.BackendConfig{ID: b.ID, URL: b.URL, Weight: b.Weight, MaxSessions: b.MaxSessions, Backup: b.Backup},
		Draining:      b.Draining, Left: b.Left,
	}
}

func parseLegacy(text []byte) (l legacy, err error) {
	if err = json.Unmarshal(text, &l); err != nil {
		err = fmt.Errorf("list of backends: %w", err)
	}
	return l, err
}

// statusNamed is the status that String spells so; Unknown for all else.
func statusNamed(name string) healthcheck.Status {
	for s := healthcheck.Unknown; s <= healthcheck.Down; s++ {
		if s.String() == name {
			return s
		}
	}
	return healthcheck.Unknown
}

// A session is written as numbers in the format of encoding/binary (place of its backend, facts, protocol, TTL in seconds,
// when it was learned and last used in seconds of Unix time, length of its sid) and its sid.

// The facts of a session, one bit each.
const (
	factSought uint64 = 1 << iota
	factProven
	factCounts
	factPolls
	factTunnels
)

// appendSession writes a session of the backend at that place in the list.
func appendSession(dst []byte, backend int, sid string, e routing.Entry) []byte {
	facts := flagged(e.Proof == routing.BySearch, factSought) | flagged(e.Proven, factProven) | flagged(e.Counted, factCounts) |
		flagged(e.Polls > 0, factPolls) | flagged(e.Tunnels > 0, factTunnels)
	for _, n := range [...]uint64{
		uint64(backend), facts, uint64(e.EIO), uint64(e.TTL / time.Second),
		uint64(e.Since.Unix()), uint64(e.Used.Unix()), uint64(len(sid)),
	} {
		dst = binary.AppendUvarint(dst, n)
	}
	return append(dst, sid...)
}

func flagged(yes bool, fact uint64) uint64 {
	if yes {
		return fact
	}
	return 0
}

var errSession = errors.New("a session that is cut off or has impossible numbers")

// parseSession reads the first session of text and returns what follows it. The entry lacks its backend, whose place is
// below the number of backends.
func parseSession(text []byte, backends int) (backend int, sid string, e routing.Entry, rest []byte, err error) {
	var n [7]uint64
	for i := range n {
		size := 0
		if n[i], size = binary.Uvarint(text); size <= 0 {
			return 0, "", e, nil, errSession
		}
		text = text[size:]
	}
	const eio, seconds, moment = 1 << 8, 1 << 16, 1 << 40
	if n[0] >= uint64(backends) || n[2] >= eio || n[3] >= seconds || n[4] >= moment || n[5] >= moment ||
		n[6] > routing.MaxSID || n[6] > uint64(len(text)) {
		return 0, "", e, nil, errSession
	}
	facts := n[1]
	e = routing.Entry{
		Proven: facts&factProven != 0, Counted: facts&factCounts != 0,
		Polls: int(facts & factPolls), Tunnels: int(facts & factTunnels), // any number above none
		EIO: int(n[2]), TTL: time.Duration(n[3]) * time.Second, Since: time.Unix(int64(n[4]), 0), Used: time.Unix(int64(n[5]), 0),
	}
	if facts&factSought != 0 {
		e.Proof = routing.BySearch
	}
	return int(n[0]), string(text[:n[6]]), e, text[n[6]:], nil
}
