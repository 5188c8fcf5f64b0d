package proxy

import (
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// FuzzReplaceSID puts another sid into any query that names one, and demands that it is read there and that nothing else
// has changed.
func FuzzReplaceSID(f *testing.F) {
	for _, query := range []string{"EIO=4&sid=abc~tag", "sid=abc&EIO=4", "EIO=4&sid=a+b%20c&t=1", "a=?sid=1&EIO=4&sid=2", "EIO=4&xsid=1&sid=2", "EIO=4&sid=2&sid"} {
		f.Add(query, "new")
		f.Add(query, "a&b=c d?é")
	}
	f.Fuzz(func(t *testing.T, query, sid string) {
		target := []byte("/socket.io/?" + query)
		var before, after engineio.Query
		if before.Parse(target) != nil || before.SID == "" || sid == "" || len(sid) > 80 {
			return
		}
		out := replaceSID(target, sid)
		if err := after.Parse(out); err != nil || after.SID != sid {
			t.Fatalf("%q with %q becomes %q: sid %q, %v", target, sid, out, after.SID, err)
		}
		if back := replaceSID(out, before.SID); withoutSID(string(back)) != withoutSID(string(target)) {
			t.Errorf("%q became %q and then %q", target, out, back)
		}
	})
}

// withoutSID drops the parameter of that name.
func withoutSID(target string) string {
	path, query, _ := strings.Cut(target, "?")
	var kept []string
	for _, param := range strings.Split(query, "&") {
		if !strings.HasPrefix(param, "sid=") {
			kept = append(kept, param)
		}
	}
	return path + "?" + strings.Join(kept, "&")
}
