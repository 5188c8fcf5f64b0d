package healthcheck_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

// TestEverythingAtOnce lets targets come and go, checks fail and pass, and
// traffic of every outcome stream in, and holds what was reported against two
// rules: reports of one target are a chain (each begins where the last one
// ended), and the last one is what the Checker still says.
func TestEverythingAtOnce(t *testing.T) {
	var mu sync.Mutex
	chain := map[healthcheck.Target]healthcheck.Status{}
	c, err := healthcheck.New(healthcheck.Config{
		Probe: healthcheck.ProbeFunc(func(context.Context, string) error {
			if rand.N(3) == 0 {
				return errors.New("unlucky")
			}
			return nil
		}),
		Interval: time.Millisecond, Timeout: time.Millisecond, FailTimeout: 2 * time.Millisecond,
		PanicThreshold: 30, SlowStart: 5 * time.Millisecond, OnWeight: func(healthcheck.Target, float64) {},
		OnChange: func(change healthcheck.Change) {
			mu.Lock()
			defer mu.Unlock()
			if chain[change.Target] != change.From || change.From == change.To {
				t.Errorf("%+v after %v", change, chain[change.Target])
			}
			chain[change.Target] = change.To
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer stop()
	all := named(8)
	c.Set(all)
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	for range 4 {
		running.Go(func() {
			for ctx.Err() == nil {
				client := netip.AddrFrom4([4]byte{10, 0, 0, byte(rand.N(4))})
				c.Observe(all[rand.N(len(all))].ID, healthcheck.Outcome(rand.N(6)), client)
			}
		})
	}
	running.Go(func() {
		for ctx.Err() == nil { // the first half stays, the rest comes and goes for good: its IDs are new
			some := append(named(4), healthcheck.Target{ID: "h", URL: time.Now().String()})
			c.Set(some)
			_ = c.States()
		}
	})
	running.Wait()
	mu.Lock()
	defer mu.Unlock()
	for _, s := range c.States() {
		told := s.Status
		if s.Panic {
			told = healthcheck.Up
		}
		if told != chain[s.Target] {
			t.Errorf("%s: state %v, last reported %v", s.Target.ID, told, chain[s.Target])
		}
	}
}
