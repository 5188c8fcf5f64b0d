package healthcheck

import (
	"errors"
	"time"
)

var errAssumed = errors.New("found by the process before this one")

// Assume has targets begin with what another process has just found of them instead of Unknown, and reports it as a
// change; a check that disagrees counts as it would have counted there. Targets that known lacks, or has as Unknown, begin
// as ever. Call it after Set and before Run.
func (c *Checker) Assume(known map[Target]Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for _, w := range c.watches {
		w.verdict.assume(known[w.target], now)
		if w.state.Status = w.verdict.status(); w.state.Status == Unknown {
			continue
		}
		w.state.Since, w.state.EjectedUntil = now, w.verdict.ejectedUntil
		w.state.Passes, w.state.Fails = w.verdict.passes, w.verdict.fails
		if w.state.Status.out() {
			w.state.Err, w.why = errAssumed, reason{err: errAssumed}
		}
	}
	c.tell()
}

// assume is for a verdict that has seen nothing yet. An ejection begins anew.
func (v *verdict) assume(s Status, now time.Time) {
	switch s {
	case Up, Suspect:
		v.health = s
	case Ejected:
		v.health = Up
		v.eject(now)
	case Down:
		v.health, v.fails = Down, v.rules.fall
	}
}
