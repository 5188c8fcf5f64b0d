package healthcheck_test

import (
	"fmt"
	"testing"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

// BenchmarkObserve is what every proxied request pays.
func BenchmarkObserve(b *testing.B) {
	c := observed(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.Observe("10.0.0.7:3000", healthcheck.Served, someone)
		}
	})
}

func TestObserveAllocatesNothing(t *testing.T) {
	c := observed(t)
	for _, o := range []healthcheck.Outcome{
		healthcheck.Served, healthcheck.BadReply, healthcheck.DialRefused,
		healthcheck.DialTimeout, healthcheck.Reset, healthcheck.OwnError,
	} {
		// Nobody runs, so the room for events is soon used up: it must not wait either.
		if n := testing.AllocsPerRun(1000, func() { c.Observe("10.0.0.7:3000", o, someone) }); n != 0 {
			t.Errorf("outcome %d: %v allocations", o, n)
		}
	}
}

// observed is a Checker of twenty backends that does not run.
func observed(tb testing.TB) *healthcheck.Checker {
	tb.Helper()
	c, err := healthcheck.New(healthcheck.Config{Probe: healthcheck.TCP()})
	if err != nil {
		tb.Fatal(err)
	}
	var targets []healthcheck.Target
	for i := range 20 {
		host := fmt.Sprintf("10.0.0.%d:3000", i)
		targets = append(targets, healthcheck.Target{ID: host, URL: "http://" + host})
	}
	c.Set(targets)
	return c
}
