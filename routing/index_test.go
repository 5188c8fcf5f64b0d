package routing

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// FuzzIndex takes sessions in and out as the bytes say, and compares what is found with a plain map after every step. There
// are few hashes, so that many sids share one and many homes are next to each other, at the end of the slots too.
func FuzzIndex(f *testing.F) {
	for i := range uint64(20) {
		r := rand.New(rand.NewPCG(i, 1))
		steps := make([]byte, 400)
		for i := range steps {
			steps[i] = byte(r.Uint32())
		}
		f.Add(steps)
	}
	f.Fuzz(func(t *testing.T, steps []byte) {
		var x index
		known := map[byte]*session{}
		for _, sid := range steps[:min(len(steps), 400)] {
			sid %= manySIDs
			if s := known[sid]; s != nil {
				x.remove(keyed(sid).hash, s)
				delete(known, sid)
			} else {
				known[sid] = newSession(keyed(sid).sid, session{})
				x.add(keyed(sid).hash, known[sid])
			}
			checkIndex(t, &x, known)
		}
	})
}

// manySIDs is how many sids FuzzIndex knows.
const manySIDs = 60

// keyed returns the key of one of them. They share 12 hashes.
func keyed(sid byte) key {
	return key{strconv.Itoa(int(sid)), uint64(sid%12) * 11 << 32}
}

func checkIndex(t *testing.T, x *index, known map[byte]*session) {
	t.Helper()
	for i := range byte(manySIDs) {
		if got, want := x.find(keyed(i)), known[i]; got != want {
			t.Fatalf("sid %d: found %p, want %p", i, got, want)
		}
	}
	if free := len(x.slots) - x.used; x.used != len(known) || 4*free < len(x.slots) {
		t.Fatalf("%d of %d slots are used, want %d, and a quarter free", x.used, len(x.slots), len(known))
	}
}

// FuzzLRU pushes, moves and takes out sessions as the bytes say, and compares the order with a plain slice from both ends.
func FuzzLRU(f *testing.F) {
	f.Add([]byte{0, 0, 0})
	f.Add([]byte{0, 1, 2, 8, 9, 10, 1, 8, 0, 2, 0, 1, 2, 3, 4, 5, 13, 10, 8, 5, 0, 3})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var l lru
		var sessions [8]session
		var order []*session // oldest first
		for _, step := range steps {
			s := &sessions[step%8]
			at := slices.Index(order, s)
			if at >= 0 {
				order = slices.Delete(order, at, at+1)
			}
			switch {
			case at < 0:
				l.push(s)
			case step&8 != 0:
				l.renew(s)
			default:
				l.unlink(s)
				continue
			}
			order = append(order, s)
		}
		checkOrder(t, &l, order)
	})
}

func checkOrder(t *testing.T, l *lru, order []*session) {
	t.Helper()
	var up, down []*session
	for s := l.oldest; s != nil; s = s.younger {
		up = append(up, s)
	}
	for s := l.youngest; s != nil; s = s.older {
		down = append(down, s)
	}
	slices.Reverse(down)
	if !slices.Equal(up, order) || !slices.Equal(down, order) || l.len != len(order) {
		t.Fatalf("from the old end %p, from the young end %p, length %d; want %p", up, down, l.len, order)
	}
}
