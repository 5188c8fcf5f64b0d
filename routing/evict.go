package routing

// makeRoom makes room for one more pin in a full shard. Unproven pins go first, so that a flood of handshakes costs
// nobody's session but its own. It fails if everything is held.
func (sh *shard) makeRoom(now uint32) bool {
	if sh.unproven.len+sh.proven.len < sh.limit {
		return true
	}
	if s := sh.unproven.oldest; s != nil {
		sh.remove(s)
		sh.table.evictedUnproven.Add(1)
		return true
	}
	return sh.evictProven(now)
}

// evictProven evicts the oldest proven pin that is not held. Held ones on the way are in use and so made young, which
// keeps the next call from meeting them again. It fails if it meets too many.
func (sh *shard) evictProven(now uint32) bool {
	for range evictTries {
		s := sh.proven.oldest
		if s == nil {
			return false
		}
		if !s.held() {
			sh.remove(s)
			sh.table.evictedProven.Add(1)
			return true
		}
		sh.proven.renew(s)
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
	for _, list := range []*lru{&sh.unproven, &sh.proven} {
		n, gone := sh.sweepList(list, now, limit-seen)
		seen, expired = seen+n, expired+gone
	}
	return seen, expired
}

// sweepList ends at the first session that was placed a short while ago, since all behind it are younger. Older ones that
// live are made young: each is looked at about once in sweepAge, however the lifetimes in the list differ.
func (sh *shard) sweepList(list *lru, now uint32, limit int) (seen, expired int) {
	for seen < limit {
		s := list.oldest
		if s == nil || now < s.placed+sweepAge && !s.expired(now) {
			break
		}
		seen++
		if s.expired(now) {
			sh.remove(s)
			expired++
			continue
		}
		list.renew(s)
		s.placed = now
	}
	return seen, expired
}
