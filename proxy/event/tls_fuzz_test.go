package event

import "testing"

// FuzzRecords follows records that come in pieces of any size: it must come to the same as what a look at all of it at once
// comes to.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("\x17\x03\x03\x00\x02hi\x15\x03\x03\x00\x00\x17\x03"), uint8(1))
	f.Add([]byte("\x17\x03\x03\xff\xff"), uint8(4))
	f.Fuzz(func(t *testing.T, p []byte, size uint8) {
		var w wire
		for rest, n := p, int(size)+1; len(rest) > 0; {
			n = min(n, len(rest))
			w.follow(rest[:n])
			rest = rest[n:]
		}
		whole, rest := 0, p
		for len(rest) >= 5 && len(rest)-5 >= int(rest[3])<<8|int(rest[4]) {
			rest = rest[5+(int(rest[3])<<8|int(rest[4])):]
			whole++
		}
		if w.whole != whole || (w.have == 0 && w.left == 0) != (len(rest) == 0) {
			t.Errorf("%d records and %d, %d bytes more, want %d and %d", w.whole, w.have, w.left, whole, len(rest))
		}
	})
}
