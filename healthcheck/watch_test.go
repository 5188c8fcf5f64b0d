package healthcheck_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

func TestARefusalDuringACheckIsFollowedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running sync.WaitGroup
		var mu sync.Mutex
		var began []time.Time
		ctx, stop := context.WithCancel(t.Context())
		c, err := healthcheck.New(healthcheck.Config{
			Probe: healthcheck.ProbeFunc(func(context.Context, string) error {
				mu.Lock()
				defer mu.Unlock()
				began = append(began, time.Now())
				<-time.After(100 * time.Millisecond)
				return nil
			}),
			Jitter: func() float64 { return 0 },
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Set(named(1))
		running.Go(func() { c.Run(ctx) })
		after(2050 * time.Millisecond) // half-way through the second check
		c.Observe("a", healthcheck.DialRefused, someone)
		after(100 * time.Millisecond)
		stop()
		running.Wait()
		if len(began) != 3 || began[2].Sub(began[1]) != 100*time.Millisecond {
			t.Errorf("checks began at %v, want a third as soon as the second had ended", began)
		}
	})
}

func TestJitterSpreadsChecks(t *testing.T) {
	for jitter, want := range map[float64]time.Duration{
		0: 2 * time.Second, 0.5: 1750 * time.Millisecond, 0.999999: 1500 * time.Millisecond,
	} {
		watch(t, healthcheck.Config{Jitter: func() float64 { return jitter }}, named(1), func(f *fleet, _ *healthcheck.Checker) {
			after(time.Minute)
			checks := f.checksOf("a")
			if got := checks[1].Sub(checks[0]).Round(time.Millisecond); got != want {
				t.Errorf("jitter %v: %v between checks, want %v", jitter, got, want)
			}
		})
	}
	watch(t, healthcheck.Config{Jitter: func() float64 { return 0 }, Interval: 100 * time.Millisecond}, named(1), func(f *fleet, _ *healthcheck.Checker) {
		f.becomes("a", errSick)
		after(150 * time.Millisecond)
		if got := len(f.checksOf("a")); got != 2 {
			t.Errorf("in doubt at an interval of 100 ms: %d checks in 150 ms, want 2", got)
		}
	})
}

func TestOwnErrorsInAChecksWayAreNoOutcome(t *testing.T) {
	log := new(bytes.Buffer)
	cfg := healthcheck.Config{Logger: slog.New(slog.NewTextHandler(log, nil))}
	watch(t, cfg, named(1), func(f *fleet, c *healthcheck.Checker) {
		expect(t, f, "a unknown>up")
		for _, err := range []error{
			fmt.Errorf("dial: %w", syscall.EMFILE), syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS,
			&net.DNSError{Err: "server misbehaving", IsTemporary: true},
			&net.DNSError{Err: "i/o timeout", IsTimeout: true},
		} {
			f.becomes("a", err)
			after(time.Minute)
			expect(t, f)
			if got := c.States()[0]; !errors.Is(got.Err, err) || got.Status != healthcheck.Up {
				t.Errorf("state says %v, %v", got.Status, got.Err)
			}
		}
		if got := strings.Count(log.String(), "could not be made"); got != 1 {
			t.Errorf("%d warnings for one series, want 1", got)
		}
		f.becomes("a", &net.DNSError{Err: "no such host", IsNotFound: true})
		after(time.Minute)
		expect(t, f, "a up>suspect", "a suspect>down refused")
	})
}

func TestANonEngineIOServerCountsAsAliveUntilItHasProvedToBeOne(t *testing.T) {
	log := new(bytes.Buffer)
	cfg := healthcheck.Config{Logger: slog.New(slog.NewTextHandler(log, nil))}
	watch(t, cfg, named(1), func(f *fleet, c *healthcheck.Checker) {
		f.becomes("b", errForeign)
		c.Set(named(2))
		after(time.Minute)
		expect(t, f, "a unknown>up", "b unknown>up")
		if got := strings.Count(log.String(), "any HTTP reply counts as alive"); got != 1 {
			t.Errorf("%d warnings in a minute, want 1", got)
		}
		f.becomes("b", nil)
		after(time.Minute)
		f.becomes("b", errForeign)
		after(time.Minute)
		expect(t, f, "b up>down")
	})
}

func TestAPanickingProbeIsAFailedCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []healthcheck.Change
		c, err := healthcheck.New(healthcheck.Config{
			Probe:    healthcheck.ProbeFunc(func(context.Context, string) error { panic("at the disco") }),
			OnChange: func(c healthcheck.Change) { changes = append(changes, c) },
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Set(named(1))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c.Run(ctx)
		if len(changes) != 2 || changes[1].To != healthcheck.Down || changes[1].After != 3 ||
			!strings.Contains(changes[1].Err.Error(), "at the disco") {
			t.Errorf("changes %+v", changes)
		}
	})
}

func TestRunWaitsForTheCheckUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		c, err := healthcheck.New(healthcheck.Config{
			Probe: healthcheck.ProbeFunc(func(ctx context.Context, _ string) error {
				<-ctx.Done()
				<-time.After(time.Second) // a slow farewell
				ended = true
				return ctx.Err()
			}),
			OnChange: func(c healthcheck.Change) { t.Errorf("%v at the end of Run", c) },
			Timeout:  time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Set(named(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c.Run(ctx)
		if !ended {
			t.Error("Run has returned before its check")
		}
	})
}
