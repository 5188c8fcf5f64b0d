package main_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// flooder is a running flood of made-up sids, from 127.0.0.1.
type flooder struct {
	*process
	began time.Time
}

// startFlood sends perSecond requests, and returns once the first rush is over.
func startFlood(t *testing.T, addr string, perSecond, steadyAfter int) *flooder {
	t.Helper()
	dependOn(t, "../../testdata/flood/*.go")
	path, err := buildFlood()
	if err != nil {
		t.Fatal(err)
	}
	f := &flooder{began: time.Now()}
	f.process = start(t, "flood", path, "-addr", addr, "-rate", fmt.Sprint(perSecond), "-steady", fmt.Sprint(steadyAfter))
	f.wait(t, 30*time.Second, fields{"event": "steady"})
	return f
}

var buildFlood = sync.OnceValues(func() (string, error) {
	return goBuild("../..", "./testdata/flood")
})

// check ends the flood, and requires that all of it was refused and that
// backends were asked no more than may be searched for.
func (f *flooder) check(t *testing.T, backends []*backend, seekRate int) {
	t.Helper()
	f.command(t, fields{"cmd": "stop"})
	l := f.wait(t, 10*time.Second, fields{"event": "flood"})
	f.waitExit(t, 10*time.Second)
	offered, asked, elapsed := l.int("offered"), madeUpAsked(backends), time.Since(f.began)
	most := float64(seekRate) * (elapsed.Seconds() + 1)
	if float64(offered) < 2*most {
		t.Errorf("%d made-up sids in %v: want at least twice as many as may be searched for", offered, elapsed)
	}
	if n := l.int("other"); n > 0 {
		t.Errorf("%d made-up sids got another reply than 400", n)
	}
	if float64(asked) > float64(len(backends))*most {
		t.Errorf("backends were asked for made-up sids %d times, want at most %.0f", asked, float64(len(backends))*most)
	}
	t.Logf("%d made-up sids in %v, %d refused by then; backends were asked %d times", offered, elapsed, l.int("refused"), asked)
}

// floodPrefix is how all sids of the flood begin.
const floodPrefix = "flood-"

// madeUpAsked counts how often servers were asked for the flood's sids, but for
// the last tenth of a second.
func madeUpAsked(backends []*backend) (n int) {
	for _, b := range backends {
		for _, l := range b.find(fields{"event": "refused_many"}) {
			n += l.int("count")
		}
	}
	return n
}
