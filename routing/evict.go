package routing

import "github.com/hashicorp/golang-lru/v2/simplelru"

// makeRoom makes room for one more pin in a full shard. Unproven pins go first, so that a flood of handshakes costs
// nobody's session but its own. It fails if everything is held.
func (sh *shard) makeRoom(now uint32) bool {
	if sh.unproven.Len()+sh.proven.Len() < sh.limit {
		return true
	}
	if sid, s, ok := sh.unproven.GetOldest(); ok {
		sh.remove(sid, s)
		sh.table.evictedUnproven.Add(1)
		return true
	}
	return sh.evictProven(now)
}

// evictProven evicts the oldest proven pin that is not held. Held ones on the way are in use and so made young, which
// keeps the next call from meeting them again. It fails if it meets too many.
func (sh *shard) evictProven(now uint32) bool {
	for range evictTries {
		sid, s, ok := sh.proven.GetOldest()
		if !ok {
			return false
		}
		if !s.held() {
			sh.remove(sid, s)
			sh.table.evictedProven.Add(1)
			return true
		}
		sh.proven.Get(sid)
		s.placed = now
	}
	return false
}

// sweep looks at no more than limit of the shard's oldest entries. It returns how many it saw, and how many sessions of
// these had expired and were removed.
func (sh *shard) sweep(now uint32, limit int) (seen, expired int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for seen < limit {
		sid, b, ok := sh.buried.GetOldest()
		if !ok || now <= b.until {
			break
		}
		sh.buried.Remove(sid)
		seen++
	}
	for _, list := range []*simplelru.LRU[string, *session]{sh.unproven, sh.proven} {
		n, gone := sh.sweepList(list, now, limit-seen)
		seen, expired = seen+n, expired+gone
	}
	return seen, expired
}

// sweepList ends at the first session that was placed a short while ago, since all behind it are younger. Older ones that
// live are made young: each is looked at about once in sweepAge, however the lifetimes in the list differ.
func (sh *shard) sweepList(list *simplelru.LRU[string, *session], now uint32, limit int) (seen, expired int) {
	for seen < limit {
		sid, s, ok := list.GetOldest()
		if !ok || now < s.placed+sweepAge && !s.expired(now) {
			break
		}
		seen++
		if s.expired(now) {
			sh.remove(sid, s)
			expired++
			continue
		}
		list.Get(sid)
		s.placed = now
	}
	return seen, expired
}
