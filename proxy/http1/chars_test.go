package http1

import (
	"bytes"
	"testing"
)

// TestControlFindsWhatALoopFinds puts every byte at every place of a word, among neighbours that could mislead arithmetic
// on eight bytes at once.
func TestControlFindsWhatALoopFinds(t *testing.T) {
	for _, neighbour := range []byte{' ', '!', '\t', '~', 0x80, 0x9f, 0xa0, 0xfe, 0xff} {
		for c := range 256 {
			for at := range 17 {
				b := bytes.Repeat([]byte{neighbour}, 17)
				b[at] = byte(c)
				for _, from := range []int{0, 1, at, at + 1} {
					if got, want := control(b, from), slowControl(b, from); got != want {
						t.Fatalf("control(%q, %d) = %d, want %d", b, from, got, want)
					}
				}
			}
		}
	}
}

func slowControl(b []byte, i int) int {
	for ; i < len(b); i++ {
		if b[i] < ' ' && b[i] != '\t' || b[i] == 0x7f {
			return i
		}
	}
	return len(b)
}

func TestKnownNamesAreFolded(t *testing.T) {
	count := 0
	for length, names := range knownByLength {
		for _, k := range names {
			count++
			for _, c := range []byte(k.folded) {
				if folded[c] != c || classes[c]&tokenByte == 0 {
					t.Errorf("%q is not a folded name", k.folded)
				}
			}
			if len(k.folded) != length || identify([]byte(k.folded)) != k.id {
				t.Errorf("%q is not found as %d", k.folded, k.id)
			}
		}
	}
	if framingLookAlike >= 64 {
		t.Error("a fieldSet has no room for all known fields")
	}
	// All but Unknown, XForwardedOther and the two look-alikes have a name.
	if want := int(framingLookAlike) + 1 - 4; count != want {
		t.Errorf("%d names, want %d", count, want)
	}
}
