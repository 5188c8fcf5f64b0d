package engineio_test

import (
	"testing"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

func TestParam(t *testing.T) {
	rows := map[string]struct {
		target, name string
		want         string
		found        bool
	}{
		"a parameter is found among others":         {"/?EIO=4&aff=room-7&t=1", "aff", "room-7", true},
		"its value is decoded":                      {"/?aff=a%2Fb+c", "aff", "a/b c", true},
		"its name is decoded":                       {"/?a%66f=x", "aff", "x", true},
		"the name looked for may need escapes":      {"/?my+key%3D=x", "my key=", "x", true},
		"the first of several counts":               {"/?aff=1&aff=2", "aff", "1", true},
		"an empty value is there":                   {"/?aff=&aff=2", "aff", "", true},
		"a name without a value is there":           {"/?aff", "aff", "", true},
		"a malformed escape is kept as text":        {"/?aff=100%&x", "aff", "100%", true},
		"half of an escape is kept as text":         {"/?aff=%4%41", "aff", "%4A", true},
		"another name is not found":                 {"/?affx=1&xaff=2", "aff", "", false},
		"a parameter in the path is not one":        {"/aff=1", "aff", "", false},
		"a target without a query has none":         {"/", "aff", "", false},
		"an empty name is a name that can be found": {"/?=x", "", "x", true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			got, found := engineio.Param([]byte(row.target), row.name)
			if got != row.want || found != row.found {
				t.Errorf("Param(%q, %q) = %q, %v, want %q, %v", row.target, row.name, got, found, row.want, row.found)
			}
		})
	}
}
