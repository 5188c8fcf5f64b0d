package engineio_test

import (
	"testing"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

func TestEndsSession(t *testing.T) {
	for name, row := range map[string]struct {
		body     string
		revision int
		want     bool
	}{
		"a close packet alone":                              {"1", 4, true},
		"a close packet behind a disconnect":                {"41\x1e1", 4, true},
		"a message":                                         {"42[\"1\"]", 4, false},
		"a message whose text is 1":                         {"41", 4, false},
		"a close packet before another":                     {"1\x1e41", 4, false},
		"nothing":                                           {"", 4, false},
		"revision 3: a close packet alone":                  {"1:1", 3, true},
		"revision 3: a close packet behind a disconnect":    {"2:411:1", 3, true},
		"revision 3: a message that ends like one":          {"6:4a1:1", 3, false},
		"revision 3: behind characters of more than a byte": {"3:4äö1:1", 3, true},
		"revision 3: behind one that counts as two":         {"3:4😀1:1", 3, true},
		"revision 3: a length beyond the end":               {"9:1", 3, false},
		"revision 3: no length":                             {":1", 3, false},
		"revision 3: nothing":                               {"", 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := engineio.EndsSession([]byte(row.body), row.revision); got != row.want {
				t.Errorf("EndsSession(%q, %d) = %v, want %v", row.body, row.revision, got, row.want)
			}
		})
	}
}

func FuzzEndsSession(f *testing.F) {
	f.Add([]byte("2:411:1"), 3)
	f.Add([]byte("41\x1e1"), 4)
	f.Fuzz(func(t *testing.T, body []byte, revision int) {
		ends := engineio.EndsSession(body, revision)
		if ends && (len(body) == 0 || body[len(body)-1] != '1') {
			t.Errorf("%q does not end with a close packet", body)
		}
	})
}
