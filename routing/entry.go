package routing

import "time"

// Entry is what the table knows about one session.
type Entry struct {
	Backend     *Backend
	Incarnation int  // of the backend when the session was learned
	Dead        bool // that incarnation is gone
	Proof       Proof
	Proven      bool      // a request came after it was learned
	Counted     bool      // it counts in its backend's sessions: its client has not left
	Since       time.Time // when it was learned, to the second
	Used        time.Time // when its last request came or went, to the second
	TTL         time.Duration
	EIO         int // the protocol's number in its requests; 0: none seen
	Polls       int // open requests
	Tunnels     int // open tunnels
}

// Lookup returns what is known about sid, for people; it does not count as use.
func (s *Sessions) Lookup(sid string) (Entry, bool) {
	sh, k := s.locate(sid)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	pin := sh.index.find(k)
	if pin == nil {
		return Entry{}, false
	}
	return s.entry(pin), true
}

// entry describes a pin. Its shard is locked, or it is not in the table yet.
func (s *Sessions) entry(pin *session) Entry {
	e := Entry{
		Backend:     pin.on.backend,
		Incarnation: pin.on.number,
		Dead:        pin.on.dead.Load(),
		Proven:      pin.is(proven),
		Counted:     pin.is(counted),
		Since:       s.start.Add(time.Duration(pin.since) * time.Second),
		Used:        s.start.Add(time.Duration(pin.used) * time.Second),
		TTL:         time.Duration(pin.ttl) * time.Second,
		EIO:         int(pin.eio),
		Polls:       int(pin.polls),
		Tunnels:     int(pin.tunnels),
	}
	if pin.is(sought) {
		e.Proof = BySearch
	}
	return e
}

// SessionStats are the table's gauges and, from Evicted on, counters since its start.
type SessionStats struct {
	Unproven int // pins whose session has not come back after its handshake
	Proven   int // pins whose session has, and that nothing holds
	Held     int // pins with an open poll or tunnel
	Buried   int // sids refused for a while

	EvictedUnproven uint64 // pins that made room for others
	EvictedProven   uint64
	NotStored       uint64 // pins that found no room
	Expired         uint64 // pins whose session had been silent for longer than it can live
}

// Stats adds up the shards one after the other; it is not a view of one moment.
func (s *Sessions) Stats() SessionStats {
	st := SessionStats{
		EvictedUnproven: s.evictedUnproven.Load(),
		EvictedProven:   s.evictedProven.Load(),
		NotStored:       s.notStored.Load(),
		Expired:         s.expired.Load(),
	}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		st.Unproven += sh.unproven.len
		st.Proven += sh.proven.len - sh.held
		st.Held += sh.held
		st.Buried += sh.buried.Len()
		sh.mu.Unlock()
	}
	return st
}
