package main_test

import (
	"fmt"
	"strings"
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

// stop ends the flood and returns what became of it: requests offered, refused
// by 400, and answered otherwise.
func (f *flooder) stop(t *testing.T) (offered, refused, other int) {
	t.Helper()
	f.command(t, fields{"cmd": "stop"})
	l := f.wait(t, 10*time.Second, fields{"event": "flood"})
	f.waitExit(t, 10*time.Second)
	return l.int("offered"), l.int("refused"), l.int("other")
}

// madeUpAsked counts how often servers were asked for the flood's sids.
func madeUpAsked(backends []*backend) (n int) {
	for _, b := range backends {
		for _, l := range b.find(fields{"event": "refused"}) {
			n += count(strings.HasPrefix(l.str("sid"), "flood-"))
		}
	}
	return n
}
