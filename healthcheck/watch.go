package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
)

// event is one outcome of real traffic on its way to the watch.
type event struct {
	outcome Outcome
	client  netip.Addr
}

// finding is what one check brought back.
type finding struct {
	started time.Time
	err     error
}

var errDialFailed = errors.New("a dial for a client was refused or not answered")

// watch is one target under observation. Its goroutine, run, owns everything
// but the two fields for Observe, its turns, and what the Checker has told the
// world.
type watch struct {
	checker *Checker
	target  Target
	late    bool // others were Up already when it was Set, and it has not been since

	events chan event  // from Observe, which drops what finds no room
	alert  atomic.Bool // a good reply matters: bad ones have been seen

	turns
	findings  chan finding // room for the one check that may be under way
	verdict   verdict
	proved    bool // has answered as Engine.IO once, and has to from then on
	warned    bool // has been called not Engine.IO in the log
	hampered  bool // the last check failed through our own fault
	checkedAt time.Time
	rampFrom  time.Time
	rampAt    time.Time // zero: not in slow start

	// Guarded by checker.mu.
	state State
	told  Status // what OnChange said last
	why   reason // for state.Status
}

func newWatch(c *Checker, t Target, late bool) *watch {
	return &watch{
		checker:  c,
		target:   t,
		late:     late,
		events:   make(chan event, 64),
		verdict:  verdict{rules: c.cfg.rules()},
		findings: make(chan finding, 1),
		state:    State{Target: t, Since: time.Now()},
	}
}

// run checks the target until ctx ends, then waits for the check under way.
func (w *watch) run(ctx context.Context) {
	defer w.endTurns()
	w.ctx = ctx
	w.plan(time.Now())
	timer := time.NewTimer(time.Until(w.nextDue()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.events:
			w.observed(e, time.Now())
		case f := <-w.findings:
			if ctx.Err() == nil { // else it failed because we are leaving
				w.checked(f, time.Now())
			}
		case <-timer.C:
			w.due(time.Now())
		}
		timer.Reset(time.Until(w.nextDue()))
	}
}

// nextDue is when something has to be done although nothing happens and no
// check ends.
func (w *watch) nextDue() time.Time {
	next := time.Now().Add(time.Hour)
	for _, at := range []time.Time{w.verdict.ejectedUntil, w.rampAt} {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next
}

func (w *watch) due(now time.Time) {
	w.change(func() reason {
		w.verdict.tick(now)
		return reason{}
	}, now)
	w.checker.continueRamp(w, now)
}

// checked draws the conclusions from a check and plans the next one.
func (w *watch) checked(f finding, now time.Time) {
	w.catchUp()
	w.checkedAt = now
	why := reason{err: f.err}
	switch {
	case isOwnError(f.err):
		w.hamper(f.err)
	case w.alive(f.err):
		w.hampered = false
		w.verdict.passed(now)
		why.after = w.verdict.passes
	default:
		w.hampered = false
		w.verdict.failed(isRefusal(f.err), now)
		why.after = w.verdict.fails
		why.refused = w.verdict.status() == Down && w.verdict.refusals == w.verdict.fails
	}
	w.checker.settle(w, why, now)
	w.next(f, w.verdict.convinced() && w.proved && !w.hampered)
}

// alive tells whether a check's error lets its target count as alive. A server
// that is not Engine.IO does, until it has once been seen to be.
func (w *watch) alive(err error) bool {
	if err == nil {
		w.proved = true
		return true
	}
	if !errors.Is(err, ErrNotEngineIO) || w.proved {
		return false
	}
	if !w.warned {
		w.warned = true
		w.checker.cfg.Logger.Warn("health check gets no Engine.IO reply, any HTTP reply counts as alive",
			"backend", w.target.ID, "err", err)
	}
	return true
}

// hamper notes that a check could not be made. It says nothing about the
// backend, so nothing follows but one line in the log per series.
func (w *watch) hamper(err error) {
	if !w.hampered {
		w.checker.cfg.Logger.Warn("health check could not be made", "backend", w.target.ID, "err", err)
	}
	w.hampered = true
}

// observed takes an outcome of real traffic.
func (w *watch) observed(e event, now time.Time) {
	switch e.outcome {
	case Served:
		w.verdict.served()
	case BadReply:
		if w.verdict.badReply(e.client, now) {
			why := fmt.Errorf("%d bad replies in a row", w.verdict.bad)
			w.checker.eject(w, reason{after: w.verdict.bad, err: why}, now)
		}
	case DialRefused, DialTimeout:
		w.catchUp() // they came before
		w.change(func() reason {
			if w.verdict.dialFailed(now) {
				w.hurry(now)
			}
			return reason{err: errDialFailed}
		}, now)
	}
	w.alert.Store(w.verdict.bad > 0)
}

// change makes f's work on the verdict public if the status is another now.
func (w *watch) change(f func() reason, now time.Time) {
	before := w.verdict.status()
	why := f()
	if w.verdict.status() != before {
		w.checker.settle(w, why, now)
	}
}
