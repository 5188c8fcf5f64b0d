package proxy

import (
	"bytes"
	"testing"
)

// TestAStoreKeepsOrder adds and drops until a store has had every kind of array, and lends it again.
func TestAStoreKeepsOrder(t *testing.T) {
	for range 2 {
		s := takeStore()
		var want []byte
		for i, n := range []int{0, 1, smallStore - 1, 1, smallBuffer, largeBuffer, 3 * largeBuffer} {
			p := bytes.Repeat([]byte{byte('a' + i)}, n)
			s.add(p)
			if want = append(want, p...); !bytes.Equal(s.bytes(), want) {
				t.Fatalf("after %d more bytes it holds %d, want %d, or others", n, len(s.bytes()), len(want))
			}
			s.drop(n / 2)
			want = want[n/2:]
		}
		if s.drop(len(want)); len(s.bytes()) > 0 {
			t.Errorf("%d bytes are left", len(s.bytes()))
		}
		giveStore(s)
		if len(s.buf) != smallStore {
			t.Errorf("given back with %d bytes", len(s.buf))
		}
	}
	if giveStore(nil); (*store)(nil).bytes() != nil {
		t.Error("none holds something")
	}
}
