package routing

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

const (
	// MaxSID is how many bytes a sid may have to be pinned.
	MaxSID = 256

	defaultLimit = 1_000_000
	defaultTTL   = 2 * time.Minute
	maxShards    = 256
	minPerShard  = 1024 // fewer pins are not worth a lock of their own
	maxPerShard  = 2048 // more of them take too long to list under one lock
	sweepChunk   = 256  // entries looked at under one lock: some 80 µs when all are out of the processor's caches
)

// SessionsConfig is what a table of sessions is built from. The zero value works.
type SessionsConfig struct {
	// Limit is how many sids may be pinned. 0: 1,000,000, at under 200 bytes each for sids of 20 characters; after a
	// flood the emptied index may keep 45 bytes each. An eighth of it is kept for sessions that have not come back since
	// their handshake. It is shared out among parts of about 1,000 to 2,000, one of which may be full a few percent early.
	Limit int
	// Now is the clock; it is read in Learn, Bury and Sweep only, and what it said last is good for the rest. nil: time.Now.
	Now func() time.Time
}

// Proof is how a session's backend came to be known.
type Proof uint8

// The proofs.
const (
	ByHandshake Proof = iota // the reply that opened the session passed through here
	BySearch                 // a backend was asked for the sid and answered as its owner
)

// String returns the proof's name in logs and answers.
func (p Proof) String() string { return nameOf(p, "handshake", "search") }

// Sessions is the table of pinned sids. A pin is unproven until its session's next request, then proven, and held while
// a poll or tunnel of it is open. In a full table an unproven pin makes room, then the proven one that was longest
// without a request; held ones are never evicted.
type Sessions struct {
	shards  []shard // their number is a power of two
	seed    maphash.Seed
	now     func() time.Time
	start   time.Time     // where its seconds are counted from; long before the table was made, for older sessions' sake
	clock   atomic.Uint32 // seconds since start when now was last read
	onLearn atomic.Pointer[func(sid string, e Entry)]
	_       [64]byte // keeps what often changes out of the cache lines that every request reads

	at atomic.Uint32 // the shard that the next Sweep begins with

	evictedUnproven, evictedProven, notStored, expired atomic.Uint64
}

// NewSessions returns an empty table.
func NewSessions(c SessionsConfig) *Sessions {
	if c.Limit <= 0 {
		c.Limit = defaultLimit
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	n := 1
	for n < maxShards && c.Limit/(2*n) >= minPerShard || c.Limit/n > maxPerShard {
		n *= 2
	}
	s := &Sessions{shards: make([]shard, n), seed: maphash.MakeSeed(), now: c.Now, start: c.Now().Add(-history)}
	for i := range s.shards {
		s.shards[i].init(s, (c.Limit+n-1)/n)
	}
	s.tick()
	return s
}

// locate returns where sid is or would be.
func (s *Sessions) locate(sid string) (*shard, key) {
	h := s.hash(sid)
	return &s.shards[h&uint64(len(s.shards)-1)], key{sid, h}
}

// hash is seeded, so that nobody can choose sids that are hard to tell apart.
func (s *Sessions) hash(sid string) uint64 { return maphash.String(s.seed, sid) }

// tick reads the clock. Time never runs backwards here.
func (s *Sessions) tick() uint32 {
	now := uint32(max(0, s.now().Sub(s.start)/time.Second))
	for {
		was := s.clock.Load()
		if now <= was || s.clock.CompareAndSwap(was, now) {
			return max(now, was)
		}
	}
}

// Learn pins sid to b's current incarnation. It is for sessions that no Hold has opened: those found by a search (a
// handshake's reply is learned with Hold.Learn, which takes over its reserved place). ttl is how long the session can live
// without a request; 0: 2 minutes.
//
// A handshake's pin replaces any other. A search's pin replaces only a search's, and does not raise a buried sid. Learn
// reports whether sid is pinned to b now.
func (s *Sessions) Learn(sid string, b *Backend, ttl time.Duration, proof Proof) bool {
	pin := session{on: b.life.Load()}
	if proof == BySearch {
		pin.flags = sought
	}
	return s.learn(sid, pin, ttl, false)
}

func (s *Sessions) learn(sid string, pin session, ttl time.Duration, reserved bool) bool {
	if sid == "" || len(sid) > MaxSID {
		return false
	}
	if ttl <= 0 {
		ttl = defaultTTL
	}
	now := s.tick()
	pin.since, pin.placed, pin.used = now, now, now
	pin.ttl = uint16(min(seconds(ttl), 1<<16-1))
	sh, k := s.locate(sid)
	stored := sh.learn(k, newSession(sid, pin), reserved)
	if tell := s.onLearn.Load(); tell != nil && stored {
		e := s.entry(&pin)
		e.Counted = true
		(*tell)(sid, e)
	}
	return stored
}

// Forget unpins sid. Its open requests go on.
func (s *Sessions) Forget(sid string) {
	sh, k := s.locate(sid)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if pin := sh.index.find(k); pin != nil {
		sh.remove(pin)
	}
}

// Bury unpins sid and has Route refuse it with ErrGone for a while: about 30 s for a session that was ended here, about
// 5 s for one that a search has found nowhere. A handshake that gives out the sid again raises it; so does a flood of
// other burials, since their number is bounded by a sixteenth of the limit.
func (s *Sessions) Bury(sid string, d time.Duration) {
	if sid == "" || len(sid) > MaxSID {
		return
	}
	sh, k := s.locate(sid)
	sh.bury(k, s.tick()+uint32(seconds(d)))
}

// Retire is Bury for a session that its gateway ends while nothing of it is open: Route refuses it with ErrRetired, since
// its client has not been told. It reports whether there is such a session; one with a poll or tunnel open stays.
func (s *Sessions) Retire(sid string, d time.Duration) bool {
	sh, k := s.locate(sid)
	return sh.retire(k, s.tick()+uint32(seconds(d)))
}

// Sweep moves the table's clock, looks at up to limit old entries, and removes those whose session has been silent for
// longer than it can live; it returns how many. Call it about once a second, with a limit that passes the whole table in a
// minute. It never holds a lock for longer than it takes to look at a few hundred entries.
func (s *Sessions) Sweep(limit int) (removed int) {
	now := s.tick()
	for range s.shards {
		sh := &s.shards[s.at.Load()&uint32(len(s.shards)-1)]
		for more := true; more && limit > 0; {
			chunk := min(limit, sweepChunk)
			seen, gone := sh.sweep(now, chunk)
			limit, removed, more = limit-seen, removed+gone, seen == chunk
		}
		if limit <= 0 {
			break
		}
		s.at.Add(1)
	}
	s.expired.Add(uint64(removed))
	return removed
}

// seconds rounds up, so that no deadline comes early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
