package routing

import (
	"iter"
	"time"
)

// history is how much older than its table a session may be: 34 years, so that a table may take over those of others.
const history = 1 << 30 * time.Second

// All passes through the pins whose backends live, for another process to take over with Import. It is not a view of one
// moment: a pin that is learned or forgotten meanwhile may be among them or not; OnLearn tells of the former. Locks are held
// as Of holds them.
func (s *Sessions) All() iter.Seq2[string, Entry] {
	return s.each(func(pin *session) bool { return !pin.on.dead.Load() })
}

// Import pins sid as another process has known it, to the present incarnation of e.Backend; e.Incarnation and e.Dead are
// not looked at. What this table knows of the sid already is newer, and stays. A session with an open request is as good
// as just used; one with an open tunnel, which ends with the other process, counts here once it is seen.
//
// Import reports whether sid is pinned to e.Backend now. A session that has been silent for longer than it can live is
// not, nor is one for which there is no room.
func (s *Sessions) Import(sid string, e Entry) bool {
	if sid == "" || len(sid) > MaxSID {
		return false
	}
	now := s.tick()
	pin := session{
		on: e.Backend.life.Load(), since: s.second(e.Since, now), placed: now, used: s.second(e.Used, now),
		ttl: uint16(min(max(seconds(e.TTL), 1), 1<<16-1)), eio: uint8(e.EIO),
	}
	if e.Polls+e.Tunnels > 0 {
		pin.used = now
	}
	if e.Proof == BySearch {
		pin.flags |= sought
	}
	if e.Proven {
		pin.flags |= proven
	}
	if pin.expired(now) || pin.on.dead.Load() {
		return false
	}
	sh, k := s.locate(sid)
	return sh.adopt(k, newSession(sid, pin), e.Counted && e.Tunnels == 0)
}

// second is t as the table counts time, not beyond now.
func (s *Sessions) second(t time.Time, now uint32) uint32 {
	return uint32(min(max(t.Sub(s.start), 0)/time.Second, time.Duration(now)))
}

// adopt pins the sid of s, which k is, unless something is known of it here.
func (sh *shard) adopt(k key, s *session, counts bool) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if old := sh.index.find(k); old != nil {
		return old.on == s.on
	}
	if sh.isBuried(k.sid, s.placed) {
		return false
	}
	if !sh.makeRoom(s.placed) {
		sh.table.notStored.Add(1)
		return false
	}
	if counts {
		s.count()
	}
	sh.add(k, s)
	if s.is(proven) && sh.proven.len > sh.limit-sh.limit/8 {
		sh.evictProven(s.placed)
	}
	return true
}

// OnLearn has fn told of every pin from now on that Learn and Hold.Learn store; nil ends that. fn must not block and not
// keep sid, whose memory is the caller's; several goroutines may call it at the same time, and a call may still be under
// way when OnLearn(nil) returns.
func (s *Sessions) OnLearn(fn func(sid string, e Entry)) {
	if fn == nil {
		s.onLearn.Store(nil)
		return
	}
	s.onLearn.Store(&fn)
}
