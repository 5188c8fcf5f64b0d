package healthcheck_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

var (
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	errSick    = errors.New("status 500: want 200 to 399")
	errForeign = fmt.Errorf("%w: status 404", healthcheck.ErrNotEngineIO)
	someone    = netip.MustParseAddr("192.0.2.1")
	another    = netip.MustParseAddr("192.0.2.2")
)

// fleet is what the probe of these tests finds, and what the Checker says of it.
type fleet struct {
	mu     sync.Mutex
	found  map[string]error // by URL; absent is well
	checks map[string][]time.Time
	lines  []string
	began  time.Time
}

func (f *fleet) probe(_ context.Context, url string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checks[url] = append(f.checks[url], time.Now())
	return f.found[url]
}

func (f *fleet) becomes(url string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found[url] = err
}

func (f *fleet) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, fmt.Sprintf(format, args...))
}

// said returns what was reported since the last call.
func (f *fleet) said() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := f.lines
	f.lines = nil
	return lines
}

func (f *fleet) checksOf(url string) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.checks[url])
}

func (f *fleet) changed(c healthcheck.Change) {
	line := fmt.Sprintf("%s %s>%s", c.Target.ID, c.From, c.To)
	for word, on := range map[string]bool{" refused": c.Refused, " panic": c.Panic} {
		if on {
			line += word
		}
	}
	f.note("%s", line)
}

// watch runs a Checker over the fleet in a synctest bubble, without jitter
// unless cfg has its own, until test returns.
func watch(t *testing.T, cfg healthcheck.Config, targets []healthcheck.Target, test func(*fleet, *healthcheck.Checker)) {
	t.Helper()
	watchAfter(t, cfg, targets, func(*fleet, *healthcheck.Checker) {}, test)
}

// watchAfter is watch where something happens between Set and Run.
func watchAfter(t *testing.T, cfg healthcheck.Config, targets []healthcheck.Target, before, test func(*fleet, *healthcheck.Checker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{found: map[string]error{}, checks: map[string][]time.Time{}, began: time.Now()}
		cfg.Probe, cfg.OnChange = healthcheck.ProbeFunc(f.probe), f.changed
		if cfg.Jitter == nil {
			cfg.Jitter = func() float64 { return 0 }
		}
		if cfg.SlowStart != 0 {
			cfg.OnWeight = func(t healthcheck.Target, factor float64) { f.note("%s weight %.2f", t.ID, factor) }
		}
		cfg.OnPanic = func(on bool, usable, all int) { f.note("panic %v %d/%d", on, usable, all) }
		c, err := healthcheck.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.Set(targets)
		before(f, c)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx) })
		synctest.Wait()
		test(f, c)
		stop()
		running.Wait()
	})
}

// after lets d pass, and what falls into it happen.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func expect(t *testing.T, f *fleet, want ...string) {
	t.Helper()
	if got := f.said(); !slices.Equal(got, want) {
		t.Fatalf("at %v: said %q, want %q", time.Since(f.began), got, want)
	}
}

// named are n targets a, b, c … whose URLs are their IDs.
func named(n int) []healthcheck.Target {
	targets := make([]healthcheck.Target, n)
	for i := range targets {
		id := string(rune('a' + i))
		targets[i] = healthcheck.Target{ID: id, URL: id}
	}
	return targets
}

// sorted is for lines that may come in any order.
func sorted(f *fleet) string {
	lines := f.said()
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// fail reports so many bad replies of a, to two clients in turn.
func fail(c *healthcheck.Checker, id string, times int) {
	for i := range times {
		c.Observe(id, healthcheck.BadReply, []netip.Addr{someone, another}[i%2])
	}
	synctest.Wait()
}
