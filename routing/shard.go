package routing

import (
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	placeAge   = 8  // seconds before a used session is moved to its LRU's young end again
	sweepAge   = 60 // seconds after which Sweep looks at a session that nobody moved
	evictTries = 32 // held sessions stepped over, at most, to find one to evict
)

// shard is one part of the table with its own lock. A sid is in at most one of its three lists. It takes two cache lines,
// and a request of a proven session touches only the first.
type shard struct {
	mu       sync.Mutex
	table    *Sessions
	index    index                          // of all pins
	held     int                            // proven pins with an open poll or tunnel
	limit    int                            // unproven and proven pins together
	unproven lru                            // a handshake, and nothing since
	proven   lru                            // at most limit less its eighth, unless more are held
	buried   *simplelru.LRU[string, burial] // sids that are refused
	_        [8]byte                        // keeps the next shard's lock out of these lines
}

// init makes the shard ready; limit is at least 1.
func (sh *shard) init(table *Sessions, limit int) {
	sh.table, sh.limit = table, limit
	sh.buried, _ = simplelru.NewLRU[string, burial](limit/16+1, nil) // fails for sizes below 1 only
}

// pinState is what the table knows about a sid.
type pinState uint8

const (
	pinUnknown pinState = iota
	pinAlive
	pinGone    // its incarnation is dead, or it was buried
	pinRetired // it was retired, and its client may not know yet
)

// burial is what is kept of a sid that is refused.
type burial struct {
	until   uint32 // seconds since the table's start
	retired bool   // by Retire
}

// finding is what follow found.
type finding struct {
	state pinState
	pin   Pin
	ttl   time.Duration
	hold  Hold
}

// follow finds a sid's pin and takes a hold on it. With a tagged backend it looks only for a pin to that one.
func (sh *shard) follow(k key, tagged *Backend, req *Request) finding {
	now := sh.table.clock.Load()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.index.find(k)
	switch {
	case s == nil && sh.isBuried(k.sid, now):
		return finding{state: sh.epitaph(k.sid)}
	case s == nil, tagged != nil && s.on.backend.id != tagged.id:
		return finding{}
	case s.on.dead.Load():
		return finding{state: pinGone}
	}
	hold := Hold{on: s.on, stripe: s.on.inFlight.up()}
	found := finding{pinAlive, s.pin(), time.Duration(s.ttl) * time.Second, hold}
	if req.Passive {
		return found
	}
	found.hold.pin, found.hold.shard, found.hold.tunnel = s, sh, req.Upgrade
	sh.use(s, now, req)
	return found
}

// use notes a request of a session: it is held, counts, is young, and is proven.
func (sh *shard) use(s *session, now uint32, req *Request) {
	if !s.held() {
		sh.held++
	}
	if req.Upgrade {
		s.tunnels++
	} else {
		s.polls++
	}
	if req.EIO != 0 {
		s.eio = req.eio()
	}
	s.count()
	s.flags &^= leaving
	s.used = now
	switch {
	case !s.is(proven):
		sh.prove(s, now)
	case now >= s.placed+placeAge: // not each time: saves a look at both neighbours in the list
		sh.proven.renew(s)
		s.placed = now
	}
}

// prove moves a held session among the proven ones. These may take all room but an eighth, which is kept for handshakes.
func (sh *shard) prove(s *session, now uint32) {
	sh.unproven.unlink(s)
	sh.proven.push(s)
	s.flags |= proven
	s.placed = now
	if sh.proven.len > sh.limit-sh.limit/8 {
		sh.evictProven(now)
	}
}

// leave notes that the client of a held session has taken leave.
func (sh *shard) leave(s *session) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s.flags |= leaving
}

// release ends a hold. A session whose last hold was a tunnel, or whose client has taken leave, stops counting until it
// is seen again.
func (sh *shard) release(s *session, tunnel bool) {
	now := sh.table.clock.Load()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if tunnel {
		s.tunnels--
	} else {
		s.polls--
	}
	s.used = now
	if s.held() || s.is(detached) {
		return
	}
	sh.held--
	if tunnel || s.is(leaving) {
		s.discount()
	}
}

// learn pins the sid of s, which k is. With reserved, its place is counted already. It reports whether the sid is now pinned
// to s.on.
func (sh *shard) learn(k key, s *session, reserved bool) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	old := sh.index.find(k)
	if s.is(sought) {
		if old != nil && (!old.is(sought) || old.on == s.on) {
			return old.on == s.on
		}
		if sh.isBuried(k.sid, s.since) {
			return false
		}
	}
	if old != nil {
		sh.remove(old) // overwriting would leave it counted
	}
	sh.buried.Remove(k.sid)
	if !sh.makeRoom(s.since) {
		sh.table.notStored.Add(1)
		return false
	}
	if reserved {
		s.flags |= counted
	} else {
		s.count()
	}
	sh.add(k, s)
	return true
}

// bury refuses a sid until then, and unpins it.
func (sh *shard) bury(k key, until uint32) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s := sh.index.find(k); s != nil {
		sh.remove(s)
	}
	sh.buried.Add(strings.Clone(k.sid), burial{until: until})
}

// retire is bury for a session with nothing open; it reports whether there is one.
func (sh *shard) retire(k key, until uint32) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.index.find(k)
	if s == nil || s.held() {
		return false
	}
	sh.remove(s)
	sh.buried.Add(strings.Clone(k.sid), burial{until, true})
	return true
}

func (sh *shard) isBuried(sid string, now uint32) bool {
	b, ok := sh.buried.Peek(sid)
	return ok && now <= b.until
}

// epitaph says how a buried sid came to be so.
func (sh *shard) epitaph(sid string) pinState {
	if b, _ := sh.buried.Peek(sid); b.retired {
		return pinRetired
	}
	return pinGone
}

// add takes in a session whose sid, which k is, is not pinned.
func (sh *shard) add(k key, s *session) {
	sh.index.add(k.hash, s)
	sh.listOf(s).push(s)
}

func (sh *shard) listOf(s *session) *lru {
	if s.is(proven) {
		return &sh.proven
	}
	return &sh.unproven
}

// remove takes a session out of the table and off its owner's count. Holds on it may still be open.
func (sh *shard) remove(s *session) {
	sh.index.remove(sh.table.hash(s.sid), s)
	sh.listOf(s).unlink(s)
	s.discount()
	s.flags |= detached
	if s.held() {
		sh.held--
	}
}
