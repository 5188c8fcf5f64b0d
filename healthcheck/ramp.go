package healthcheck

import "time"

const (
	rampFloor = 0.1 // a weight of nothing would keep the first session away for ever
	rampSteps = 20
)

// rampFactor is the share of its weight that a backend has so long after it
// came back: a straight line from rampFloor, 1 from total on.
func rampFactor(elapsed, total time.Duration) float64 {
	if elapsed >= total {
		return 1
	}
	return max(rampFloor, float64(elapsed)/float64(total))
}

// beginRamp starts the slow start of w. The small weight is told before the
// Up that it is meant for, or a burst would come in between. The caller holds
// c.mu and is w's goroutine.
func (c *Checker) beginRamp(w *watch, now time.Time) {
	if c.cfg.SlowStart == 0 {
		return
	}
	w.rampFrom, w.rampAt = now, now.Add(c.cfg.SlowStart/rampSteps)
	c.cfg.OnWeight(w.target, rampFactor(0, c.cfg.SlowStart))
}

// holdBack gives a newcomer the small weight until its first good check begins
// its slow start: it has no sessions, so that every new one would go there while
// nobody knows whether it is well. The caller holds c.mu.
func (c *Checker) holdBack(w *watch) {
	if w.late && c.cfg.SlowStart > 0 {
		c.cfg.OnWeight(w.target, rampFloor)
	}
}

// continueRamp tells the next step of w's slow start once its time has come.
func (c *Checker) continueRamp(w *watch, now time.Time) {
	if w.rampAt.IsZero() || now.Before(w.rampAt) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.watched(w) {
		w.rampAt = time.Time{}
		return
	}
	factor := rampFactor(now.Sub(w.rampFrom), c.cfg.SlowStart)
	w.rampAt = now.Add(c.cfg.SlowStart / rampSteps)
	if factor == 1 {
		w.rampAt = time.Time{}
	}
	c.cfg.OnWeight(w.target, factor)
}
