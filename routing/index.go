package routing

// index finds a shard's sessions by sid. It is a hash table of its own since a look-up then costs one visit to memory here
// and one to the session: with a million sessions that is what it takes its time for. The zero index is empty.
//
// Its sessions lie where their hash says or, if others were there first, in the next free slot (linear probing). At
// least a quarter of the slots is free, so that a look-up ends after one or two, mostly in the same cache line. Sids may
// be chosen by strangers: the hash must be seeded.
type index struct {
	slots []slot // their number is a power of two, or zero
	used  int
}

type slot struct {
	hash    uint64   // of the session's sid: saves a visit to sessions that are not meant, and hashing anew in grow
	session *session // nil: the slot is free
}

// key is a sid and its hash.
type key struct {
	sid  string
	hash uint64
}

// home returns the slot that a hash belongs to. Its low bits have chosen the shard and are the same for all in it.
func (x *index) home(hash uint64) int { return int(hash>>32) & (len(x.slots) - 1) }

// next returns the slot after i, around the end.
func (x *index) next(i int) int { return (i + 1) & (len(x.slots) - 1) }

// find returns the session of that sid, nil if there is none.
func (x *index) find(k key) *session {
	if len(x.slots) == 0 {
		return nil
	}
	for i := x.home(k.hash); ; i = x.next(i) {
		at := &x.slots[i]
		if at.session == nil {
			return nil
		}
		if at.hash == k.hash && at.session.sid == k.sid {
			return at.session
		}
	}
}

// add takes in a session whose sid is not there yet.
func (x *index) add(hash uint64, s *session) {
	if 4*(x.used+1) > 3*len(x.slots) {
		x.grow()
	}
	x.used++
	x.put(slot{hash, s})
}

// put fills the first free slot from the entry's home on.
func (x *index) put(e slot) {
	i := x.home(e.hash)
	for x.slots[i].session != nil {
		i = x.next(i)
	}
	x.slots[i] = e
}

// grow doubles the slots. It is called for every doubling of what a shard holds: a few microseconds for some thousands.
func (x *index) grow() {
	old := x.slots
	x.slots = make([]slot, max(8, 2*len(old)))
	for _, e := range old {
		if e.session != nil {
			x.put(e)
		}
	}
}

// remove takes out a session that is there. What lies behind it without a gap is put in again, since a look-up ends at the
// first free slot.
func (x *index) remove(hash uint64, s *session) {
	i := x.home(hash)
	for x.slots[i].session != s {
		i = x.next(i)
	}
	x.slots[i] = slot{}
	x.used--
	for i = x.next(i); x.slots[i].session != nil; i = x.next(i) {
		e := x.slots[i]
		x.slots[i] = slot{}
		x.put(e)
	}
}
