package healthcheck

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Config is what New makes a Checker from. Only Probe is required; the zero
// value of every other field works and says what it means.
//
// OnChange, OnWeight and OnPanic are called one at a time, in the order of
// events, while the Checker's lock is held: they must return soon and must not
// call Set or States. Observe they may call.
type Config struct {
	// Probe is how a backend is asked: EngineIO, HTTP, TCP or one's own.
	Probe Probe
	// Loop is an event loop for checks to be made on: those of this package's
	// probes, unless they speak TLS or the backend's address is a name.
	// nil = goroutines and the runtime's timers.
	Loop Loop

	// Interval is the longest time from the start of one check of a backend to
	// the start of the next; jitter takes up to a quarter off. In doubt it is a
	// quarter, but at least 200 ms. 0 = 2 s.
	Interval time.Duration
	// Timeout bounds one check, dial and handshake included. 0 = 1 s, or
	// Interval where that is shorter.
	Timeout time.Duration
	// Rise is how many good checks in a row bring a backend back. It doubles
	// (up to eight times) for a backend that falls again within 30 intervals
	// of its recovery. 0 = 2.
	Rise int
	// Fall is how many bad checks in a row make a backend Down. 0 = 3.
	Fall int

	// MaxFails is how many bad replies in a row, within FailTimeout, eject a
	// backend. At least 2, or one client could do it. 0 = 5, negative = never.
	MaxFails int
	// FailTimeout is that window and the length of the first ejection; every
	// repetition doubles the length, up to ten times this. 0 = 10 s.
	FailTimeout time.Duration
	// MaxEjectionPercent is the share of all targets that an ejection may bring
	// out of use, those that are out for other reasons included. 0 = 50.
	MaxEjectionPercent int
	// PanicThreshold is a share of all targets, in percent. While fewer than
	// that would take new sessions, every target counts as Up (see
	// Change.Panic): a fault that hits nearly all is rather our own. 0 = off.
	PanicThreshold int

	// SlowStart is how long a backend's weight grows to 1 after it was Down, or
	// when it joined while others were Up already. 0 = off.
	SlowStart time.Duration
	// OnWeight is told the factor for a backend's weight, from 0.1 to 1: when it
	// joins others, just before the OnChange that says Up, and then every
	// twentieth of SlowStart.
	OnWeight func(t Target, factor float64)

	// OnChange is told every change of what a backend may be used for.
	OnChange func(Change)
	// OnPanic is told when panic begins and ends, before the changes that
	// follow from it: how many of all targets would take new sessions.
	OnPanic func(on bool, usable, all int)

	// Jitter returns a number in [0,1). nil = math/rand/v2.
	Jitter func() float64
	// Logger gets what is no change: warnings, once each. nil = no log.
	Logger *slog.Logger
}

// New checks the configuration and fills in its defaults. It starts nothing:
// that is Run's part.
func New(cfg Config) (*Checker, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &Checker{cfg: cfg.withDefaults(), moved: make(chan struct{}, 1)}
	c.byID.Store(&map[string]*watch{})
	return c, nil
}

func (cfg *Config) check() error {
	if cfg.Probe == nil {
		return errors.New("healthcheck: Probe is nil: want EngineIO, HTTP, TCP or one's own")
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Interval", cfg.Interval},
		{"Timeout", cfg.Timeout},
		{"FailTimeout", cfg.FailTimeout},
		{"SlowStart", cfg.SlowStart},
	} {
		if d.value < 0 {
			return fmt.Errorf("healthcheck: %s %v: want 0 for the default, or more", d.name, d.value)
		}
	}
	for _, n := range []struct {
		name       string
		value, max int
	}{
		{"Rise", cfg.Rise, 1000},
		{"Fall", cfg.Fall, 1000},
		{"MaxEjectionPercent", cfg.MaxEjectionPercent, 100},
		{"PanicThreshold", cfg.PanicThreshold, 100},
	} {
		if n.value < 0 || n.value > n.max {
			return fmt.Errorf("healthcheck: %s %d: want 0 to %d", n.name, n.value, n.max)
		}
	}
	if cfg.MaxFails == 1 {
		return errors.New("healthcheck: MaxFails 1: want at least 2, or a negative number for never")
	}
	return nil
}

func (cfg Config) withDefaults() Config {
	cfg.Interval = orElse(cfg.Interval, 2*time.Second)
	cfg.Timeout = orElse(cfg.Timeout, min(time.Second, cfg.Interval))
	cfg.Rise = orElse(cfg.Rise, 2)
	cfg.Fall = orElse(cfg.Fall, 3)
	cfg.MaxFails = orElse(cfg.MaxFails, 5)
	cfg.FailTimeout = orElse(cfg.FailTimeout, 10*time.Second)
	cfg.MaxEjectionPercent = orElse(cfg.MaxEjectionPercent, 50)
	if cfg.OnChange == nil {
		cfg.OnChange = func(Change) {}
	}
	if cfg.OnWeight == nil {
		cfg.OnWeight = func(Target, float64) {}
	}
	if cfg.OnPanic == nil {
		cfg.OnPanic = func(bool, int, int) {}
	}
	if cfg.Loop == nil {
		cfg.Loop = goroutines{}
	}
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// orElse is v, or def where v is its type's zero value.
func orElse[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// rules are the settings a verdict needs.
func (cfg *Config) rules() rules {
	return rules{
		rise: cfg.Rise, fall: cfg.Fall,
		maxFails: cfg.MaxFails, failTimeout: cfg.FailTimeout,
		stable: 30 * cfg.Interval,
	}
}

// pause is the time from the start of one check to the start of the next.
// Jitter only shortens it, so that Interval × Fall + Timeout stays a promise.
func (cfg *Config) pause(inDoubt bool) time.Duration {
	d := cfg.Interval
	if inDoubt {
		d = min(d, max(d/4, 200*time.Millisecond))
	}
	return d - time.Duration(float64(d)/4*cfg.Jitter())
}
