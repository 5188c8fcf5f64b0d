package healthcheck

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What has been removed may still have a check or an event under way. These
// tests hold on to the watch itself, to be sure that it does.
func TestNothingIsReportedOfATargetThatHasGone(t *testing.T) {
	reported := 0
	c, err := New(Config{
		Probe:     ProbeFunc(func(context.Context, string) error { return nil }),
		SlowStart: time.Minute,
		OnChange:  func(Change) { reported++ },
		OnWeight:  func(Target, float64) { reported++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.Set([]Target{{ID: "a", URL: "old"}})
	w := c.watches[0]
	w.checked(finding{started: now, err: errors.New("sick")}, now)
	w.checked(finding{started: now, err: errors.New("sick")}, now)
	w.checked(finding{started: now, err: errors.New("sick")}, now)
	w.checked(finding{started: now}, now)
	if reported != 2 {
		t.Fatalf("%d reports before it has gone, want suspect and down", reported)
	}
	c.Set([]Target{{ID: "a", URL: "new"}})
	w.checked(finding{started: now}, now)
	w.observed(event{outcome: DialRefused}, now)
	w.rampFrom, w.rampAt = now, now
	c.continueRamp(w, now.Add(time.Second))
	if reported != 2 {
		t.Errorf("%d reports after it has gone", reported-2)
	}
	if got := c.States()[0]; got.Status != Unknown || got.Target.URL != "new" {
		t.Errorf("the new one: %+v", got)
	}
}

func TestAGoodReplyIsWorthAnEventOnlyAfterABadOne(t *testing.T) {
	c, err := New(Config{Probe: ProbeFunc(func(context.Context, string) error { return nil })})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.Set([]Target{{ID: "a", URL: "a"}})
	w := c.watches[0]
	w.checked(finding{started: now}, now)
	for _, step := range []struct {
		outcome Outcome
		events  int
	}{{Served, 0}, {BadReply, 1}, {Served, 1}, {Served, 0}, {Reset, 0}, {OwnError, 0}} {
		c.Observe("a", step.outcome, netip.Addr{})
		if len(w.events) != step.events {
			t.Fatalf("outcome %d: %d events, want %d", step.outcome, len(w.events), step.events)
		}
		for range step.events {
			w.observed(<-w.events, now)
		}
	}
}

// A check that our own end has cut short says nothing, in whatever order the
// two are noticed: both are there when run begins, a hundred times.
func TestTheEndOfRunIsNoOutcome(t *testing.T) {
	c, err := New(Config{
		Probe:    ProbeFunc(func(ctx context.Context, _ string) error { return ctx.Err() }),
		OnChange: func(c Change) { t.Errorf("%+v at the end of Run", c) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for range 100 {
		c.Set(nil)
		c.Set([]Target{{ID: "a", URL: "a"}})
		w := c.watches[0]
		w.check = &check{watch: w}
		w.findings <- finding{err: context.Canceled}
		w.run(ended)
	}
}

// TestAWatchSleepsWhileAllIsWell looks at what only the watch's goroutine writes.
func TestAWatchSleepsWhileAllIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Config{
			Probe:  ProbeFunc(func(context.Context, string) error { return nil }),
			Jitter: func() float64 { return 0 },
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Set([]Target{{ID: "a", URL: "a"}})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx) })
		<-time.After(time.Minute)
		synctest.Wait()
		if seen, all := c.watches[0].verdict.passes, c.States()[0].Passes; seen != 1 || all != 31 {
			t.Errorf("the watch has seen %d checks of %d, want 1 of 31", seen, all)
		}
		cancel()
		running.Wait()
	})
}
