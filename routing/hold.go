package routing

import "time"

// Hold is a place taken at a backend. It is a value that allocates nothing; do not use a copy of it once one of them has
// been released. The zero Hold holds nothing.
type Hold struct {
	on       *incarnation // nil: released
	pin      *session     // the session it keeps from eviction; nil: none
	shard    *shard       // where pin is
	sessions *Sessions    // where Learn pins; nil: nowhere
	reserved bool         // it counts as a session itself
	loose    bool         // it belongs to no session that counts
	tunnel   bool         // on a pin: a tunnel rather than a poll
	eio      uint8
	stripe   stripe // of on's tally that it is counted in
}

// Learn turns the place that a handshake has reserved into the session that the backend has opened: it pins sid to the
// Hold's backend, before the client may see the reply. The last handshake wins: a sid that is pinned already moves. ttl is
// how long the session can live without a request; 0: 2 minutes.
//
// Learn reports whether the pin is stored. If not (the table is full of sessions in use, or sids do not pin), the place
// stays reserved until Release.
func (h *Hold) Learn(sid string, ttl time.Duration) bool {
	if h.on == nil || h.sessions == nil {
		return false
	}
	pin := session{on: h.on, eio: h.eio}
	if !h.sessions.learn(sid, pin, ttl, h.reserved) {
		return false
	}
	h.reserved = false
	return true
}

// Leave notes that the session's client has taken leave: by a close packet, or by dropping its poll. Once its open
// requests have been released the session no longer counts at its backend. Its pin stays for a while all the same, and it
// counts again with its next request, should there be one.
func (h *Hold) Leave() {
	if h.pin != nil {
		h.shard.leave(h.pin)
	}
}

// Release gives the place back. Only the first call on a Hold has an effect.
func (h *Hold) Release() {
	if h.on == nil {
		return
	}
	h.on.inFlight.down(h.stripe)
	if h.loose {
		h.on.loose.Add(-1)
	}
	if h.reserved {
		h.on.sessions.Add(-1)
	}
	if h.pin != nil {
		h.shard.release(h.pin, h.tunnel)
	}
	*h = Hold{}
}
