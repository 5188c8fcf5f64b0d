package event

import "sync"

// Token names a registration: the slot of its handler, and the slot's generation in the upper half. It goes through
// the kernel with every event, where a pointer would be hidden from the garbage collector. Zero is none of a loop's users.
type Token uint64

// table finds the handler of a token. A token that was removed is never found again, whoever has the slot now.
type table struct {
	mu    sync.Mutex
	slots []slot
	free  uint32 // 1 + index of the first free slot; 0 is none
	down  bool
}

type slot struct {
	h    Handler // nil is free
	gen  uint32
	free uint32 // the next free slot, as in table.free
}

func (t *table) add(h Handler) Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == 0 {
		t.slots = append(t.slots, slot{})
		t.free = uint32(len(t.slots))
	}
	i := t.free - 1
	s := &t.slots[i]
	t.free, s.h = s.free, h
	return Token(s.gen)<<32 | Token(i)
}

// find returns nil if tok was removed.
func (t *table) find(tok Token) Handler {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.slots[uint32(tok)]
	if s.gen != uint32(tok>>32) {
		return nil
	}
	return s.h
}

// hand gives the slot of tok, which is there, to another handler.
func (t *table) hand(tok Token, h Handler) {
	t.mu.Lock()
	t.slots[uint32(tok)].h = h
	t.mu.Unlock()
}

// remove reports whether tok was there.
func (t *table) remove(tok Token) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := uint32(tok)
	s := &t.slots[i]
	if s.gen != uint32(tok>>32) {
		return false
	}
	*s = slot{gen: s.gen + 1, free: t.free}
	t.free = i + 1
	return true
}

// whileUp calls fn unless the table is shut. The loop's descriptors stay open meanwhile.
func (t *table) whileUp(fn func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.down {
		fn()
	}
}

func (t *table) shut() {
	t.mu.Lock()
	t.down = true
	t.mu.Unlock()
}
