package healthcheck

import "time"

// reason is what led to a status: the part of a Change that is not the status.
type reason struct {
	after   int
	refused bool
	err     error
}

// settle makes public what the verdict of w says now; why counts where the
// status has changed.
func (c *Checker) settle(w *watch, why reason, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleLocked(w, why, now)
}

func (c *Checker) settleLocked(w *watch, why reason, now time.Time) {
	if !c.watched(w) {
		return
	}
	before := w.state.Status
	w.state.Status = w.verdict.status()
	w.state.Passes, w.state.Fails = w.verdict.passes, w.verdict.fails
	w.state.EjectedUntil = w.verdict.ejectedUntil
	w.state.CheckedAt = w.checkedAt
	changed := w.state.Status != before
	if changed {
		w.state.Since, w.why = now, why
	}
	w.state.Err = why.err
	if why.err == nil && w.state.Status.out() {
		w.state.Err = w.why.err
	}
	if !changed {
		return
	}
	if w.state.Status == Down {
		w.rampAt = time.Time{}
	}
	if w.state.Status == Up && (before == Down || w.late) {
		w.late = false
		c.beginRamp(w, now)
	}
	c.tell()
}

// watched tells whether w still speaks for its ID: it may have been removed, or
// another backend may have taken the ID over.
func (c *Checker) watched(w *watch) bool { return (*c.byID.Load())[w.target.ID] == w }

// eject ejects w, unless that would bring more than MaxEjectionPercent of all
// targets out of use. Deciding and being counted are one step.
func (c *Checker) eject(w *watch, why reason, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := len(c.watches) - c.usable() + 1
	if out*100 > len(c.watches)*c.cfg.MaxEjectionPercent {
		return
	}
	w.verdict.eject(now)
	c.settleLocked(w, why, now)
}

// usable counts the targets that would take new sessions by their own status.
func (c *Checker) usable() int {
	n := 0
	for _, w := range c.watches {
		if !w.state.Status.out() {
			n++
		}
	}
	return n
}

func (c *Checker) anyUp() bool {
	for _, w := range c.watches {
		if w.state.Status == Up {
			return true
		}
	}
	return false
}

// tell reports what has changed since the last call: panic, then statuses.
func (c *Checker) tell() {
	usable, all := c.usable(), len(c.watches)
	if on := usable*100 < all*c.cfg.PanicThreshold; on != c.panicked {
		c.panicked = on
		c.cfg.OnPanic(on, usable, all)
	}
	for _, w := range c.watches {
		c.tellOne(w)
	}
}

func (c *Checker) tellOne(w *watch) {
	to := w.state.Status
	panicked := c.panicked && to.out()
	if panicked {
		to = Up
	}
	if to == w.told {
		return
	}
	from := w.told
	w.told = to
	c.cfg.OnChange(Change{
		Target: w.target, From: from, To: to, Panic: panicked,
		After: w.why.after, Refused: w.why.refused, Err: w.why.err,
	})
}
