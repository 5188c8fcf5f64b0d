package routing

import (
	"iter"
	"slices"
)

// listChunk is how many sessions are described under one lock.
const listChunk = 256

// Of goes through the sessions of b, those of former incarnations left out, in no order. It is for a drain, which looks at
// all of them every few seconds: it does not count as use, and it holds no lock for longer than it takes to list
// one part of the table or to describe a few hundred sessions, and none while the caller has a session.
func (s *Sessions) Of(b *Backend) iter.Seq2[string, Entry] {
	on := b.life.Load()
	return s.each(func(pin *session) bool { return pin.on == on })
}

// each goes through the sessions that are wanted.
func (s *Sessions) each(wanted func(*session) bool) iter.Seq2[string, Entry] {
	return func(yield func(string, Entry) bool) {
		var list []listing
		for i := range s.shards {
			for chunk := range slices.Chunk(s.shards[i].all(), listChunk) {
				list = s.listed(list[:0], &s.shards[i], chunk, wanted)
				for _, l := range list {
					if !yield(l.sid, l.Entry) {
						return
					}
				}
			}
		}
	}
}

// all returns every session in the shard.
func (sh *shard) all() []*session {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	list := make([]*session, 0, sh.index.used)
	for _, e := range sh.index.slots {
		if e.session != nil {
			list = append(list, e.session)
		}
	}
	return list
}

// listing is a session as it was a moment ago.
type listing struct {
	sid string
	Entry
}

// listed adds to list those of the pins that are still in the table and wanted.
func (s *Sessions) listed(list []listing, sh *shard, pins []*session, wanted func(*session) bool) []listing {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, pin := range pins {
		if !pin.is(detached) && wanted(pin) {
			list = append(list, listing{pin.sid, s.entry(pin)})
		}
	}
	return list
}
