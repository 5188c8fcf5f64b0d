package healthcheck_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

func TestADeadBackendIsFoundAndComesBack(t *testing.T) {
	watch(t, healthcheck.Config{}, named(1), func(f *fleet, _ *healthcheck.Checker) {
		expect(t, f, "a unknown>up")
		f.becomes("a", errRefused)
		after(2 * time.Second)
		expect(t, f, "a up>suspect")
		after(time.Second) // two checks more, half a second apart
		expect(t, f, "a suspect>down refused")
		f.becomes("a", nil)
		after(2500 * time.Millisecond) // a check at the usual pace, then one at the fast
		expect(t, f, "a down>up")
	})
}

func TestABackendThatFailsOtherwiseIsDownOnlyAfterFall(t *testing.T) {
	watch(t, healthcheck.Config{}, named(1), func(f *fleet, _ *healthcheck.Checker) {
		expect(t, f, "a unknown>up")
		f.becomes("a", errSick)
		after(2900 * time.Millisecond)
		expect(t, f)
		after(100 * time.Millisecond)
		expect(t, f, "a up>down")
	})
}

func TestDownIsRefusedOnlyIfEveryFailedCheckWas(t *testing.T) {
	watch(t, healthcheck.Config{}, named(1), func(f *fleet, _ *healthcheck.Checker) {
		f.said()
		f.becomes("a", errSick)
		after(2 * time.Second)
		f.becomes("a", errRefused)
		after(time.Second)
		expect(t, f, "a up>suspect", "a suspect>down")
	})
}

// A frozen process answers nothing: each check lasts its whole timeout.
func TestAFrozenBackendIsDownWithinIntervalTimesFallPlusTimeout(t *testing.T) {
	for _, phase := range []time.Duration{0, time.Second, 1999 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			thawed, freeze := context.WithCancel(ctx)
			down := make(chan time.Time, 1)
			c, err := healthcheck.New(healthcheck.Config{
				Probe: healthcheck.ProbeFunc(func(ctx context.Context, _ string) error {
					if thawed.Err() == nil {
						return nil
					}
					<-ctx.Done()
					return ctx.Err()
				}),
				OnChange: func(c healthcheck.Change) {
					if c.To == healthcheck.Down {
						down <- time.Now()
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			c.Set(named(1))
			var running sync.WaitGroup
			running.Go(func() { c.Run(ctx) })
			after(phase)
			began := time.Now()
			freeze()
			if took := (<-down).Sub(began); took > 3*2*time.Second+time.Second {
				t.Errorf("frozen %v after a check: down after %v", phase, took)
			}
			stop()
			running.Wait()
		})
	}
}

func TestARefusedDialIsSuspectAtOnceAndCheckedAtOnce(t *testing.T) {
	watch(t, healthcheck.Config{}, named(1), func(f *fleet, c *healthcheck.Checker) {
		expect(t, f, "a unknown>up")
		after(time.Second)
		before := len(f.checksOf("a"))
		c.Observe("a", healthcheck.DialRefused, someone)
		synctest.Wait()
		expect(t, f, "a up>suspect")
		if got := len(f.checksOf("a")); got != before+1 {
			t.Errorf("%d checks at the moment of the refusal, want 1", got-before)
		}
		for range 1000 { // a storm of refusals is no storm of checks
			c.Observe("a", healthcheck.DialTimeout, someone)
		}
		synctest.Wait()
		if got := len(f.checksOf("a")); got != before+1 {
			t.Errorf("%d checks after more refusals, want 1", got-before)
		}
		after(time.Second)
		expect(t, f, "a suspect>up")
	})
}

func TestGoodChecksBeforeARefusalDoNotCountAsRecovery(t *testing.T) {
	watch(t, healthcheck.Config{}, named(1), func(f *fleet, c *healthcheck.Checker) {
		expect(t, f, "a unknown>up")
		after(time.Minute)
		if got := c.States()[0]; got.Passes != 31 || time.Since(got.CheckedAt) != 0 {
			t.Errorf("%d passes, the last %v ago, want 31, now", got.Passes, time.Since(got.CheckedAt))
		}
		c.Observe("a", healthcheck.DialRefused, someone)
		synctest.Wait()
		expect(t, f, "a up>suspect")
		if got := c.States()[0]; got.Passes != 1 {
			t.Errorf("%d passes since the refusal, want 1", got.Passes)
		}
		after(500 * time.Millisecond)
		expect(t, f, "a suspect>up")
	})
}

func TestABackendThatKeepsRefusingHasToConvinceForLonger(t *testing.T) {
	watch(t, healthcheck.Config{}, named(1), func(f *fleet, c *healthcheck.Checker) {
		f.said()
		for _, away := range []time.Duration{500, 1500, 3500, 7500, 7500} { // ms for 2, 4, 8, 16 and 16 checks
			c.Observe("a", healthcheck.DialRefused, someone)
			after(away*time.Millisecond - 1)
			expect(t, f, "a up>suspect")
			after(1)
			expect(t, f, "a suspect>up")
		}
		after(time.Minute)
		c.Observe("a", healthcheck.DialRefused, someone)
		after(500 * time.Millisecond)
		expect(t, f, "a up>suspect", "a suspect>up")
	})
}

func TestResetsAndOwnErrorsNeverCount(t *testing.T) {
	watch(t, healthcheck.Config{}, named(1), func(f *fleet, c *healthcheck.Checker) {
		expect(t, f, "a unknown>up")
		for range 1000 {
			c.Observe("a", healthcheck.Reset, someone)
			c.Observe("a", healthcheck.OwnError, another)
		}
		c.Observe("no such backend", healthcheck.DialRefused, someone)
		after(time.Second)
		expect(t, f)
	})
}

func TestStatesTellsWhatIsKnown(t *testing.T) {
	watch(t, healthcheck.Config{}, named(3), func(f *fleet, c *healthcheck.Checker) {
		f.becomes("b", errSick)
		fail(c, "c", 5)
		after(3500 * time.Millisecond)
		states := c.States()
		a, b, e := states[0], states[1], states[2]
		if a.Status != healthcheck.Up || a.Err != nil || a.Passes != 2 || a.CheckedAt.Sub(f.began) != 2*time.Second || !a.Since.Equal(f.began) {
			t.Errorf("a: %+v", a)
		}
		if b.Status != healthcheck.Down || !errors.Is(b.Err, errSick) || b.Fails != 3 || b.Since.Sub(f.began) != 3*time.Second {
			t.Errorf("b: %+v", b)
		}
		if e.Status != healthcheck.Ejected || e.Err == nil || e.Err.Error() != "5 bad replies in a row" || e.EjectedUntil.Sub(f.began) != 10*time.Second {
			t.Errorf("c: %+v", e)
		}
	})
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	probe := healthcheck.TCP()
	for want, cfg := range map[string]healthcheck.Config{
		"Probe is nil":            {},
		"Interval -1ns":           {Probe: probe, Interval: -1},
		"Timeout -1ns":            {Probe: probe, Timeout: -1},
		"FailTimeout -1ns":        {Probe: probe, FailTimeout: -1},
		"SlowStart -1ns":          {Probe: probe, SlowStart: -1},
		"Rise -1":                 {Probe: probe, Rise: -1},
		"Fall 1001":               {Probe: probe, Fall: 1001},
		"MaxFails 1":              {Probe: probe, MaxFails: 1},
		"MaxEjectionPercent 101":  {Probe: probe, MaxEjectionPercent: 101},
		"PanicThreshold -1: want": {Probe: probe, PanicThreshold: -1},
	} {
		if _, err := healthcheck.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want an error with %q", err, want)
		}
	}
	if _, err := healthcheck.New(healthcheck.Config{Probe: probe}); err != nil {
		t.Errorf("the zero value of all but Probe: %v", err)
	}
}
