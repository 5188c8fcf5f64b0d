package proxy

import "sync"

// store holds bytes in the order they came: those between r and w of its array. A stream is lent one for as long as there are
// such bytes.
type store struct {
	buf   []byte // small, or lent by takeBuffer
	r, w  int
	small [smallStore]byte
}

// smallStore is how much a store holds to begin with: all of it has the size of a small buffer.
const smallStore = smallBuffer - 5*8

var stores = sync.Pool{New: func() any {
	s := new(store)
	s.buf = s.small[:]
	return s
}}

// takeStore lends an empty store; whoever takes it gives it back with giveStore.
func takeStore() *store { return stores.Get().(*store) }

// giveStore takes a store back, with whatever is in it. A nil store is none.
func giveStore(s *store) {
	if s != nil {
		s.r, s.w = 0, 0
		s.hold(s.small[:])
		stores.Put(s)
	}
}

// hold has the store use another array.
func (s *store) hold(buf []byte) {
	if len(s.buf) != smallStore {
		giveBuffer(s.buf)
	}
	s.buf = buf
}

// bytes are what the store holds, none if it is nil. They stay valid until the store is changed.
func (s *store) bytes() []byte {
	if s == nil {
		return nil
	}
	return s.buf[s.r:s.w]
}

// free is the part of the array behind the bytes.
func (s *store) free() []byte { return s.buf[s.w:] }

// drop drops the first n bytes.
func (s *store) drop(n int) {
	s.r += n
	if s.r == s.w {
		s.r, s.w = 0, 0
	}
}

// resize makes the array n bytes long, which is more than it is, and moves the bytes to its beginning.
func (s *store) resize(n int) {
	other := takeBuffer(n)
	n = copy(other, s.bytes())
	s.hold(other)
	s.r, s.w = 0, n
}

// add adds p behind the bytes.
func (s *store) add(p []byte) {
	if n := s.w + len(p); n > len(s.buf) {
		s.resize(n)
	}
	s.w += copy(s.free(), p)
}
