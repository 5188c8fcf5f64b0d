package healthcheck

import (
	"context"
	"sync"
	"time"
)

// turns are when the checks of a watch are made. Alarms go off and checks end on any goroutine, and while all is well
// nothing but this hears of them: the watch's goroutine sleeps.
type turns struct {
	mu       sync.Mutex
	ctx      context.Context // of the checks; the watch is over when it is
	plans    int             // the latest alarm's number: one that has been called off may be going off
	callOff  func()          // calls that alarm off; nil before the first
	check    *check          // under way, or its finding has yet to be seen by the watch
	urgent   bool            // the next check is wanted at once, not after a pause
	calm     bool            // a good check would change nothing
	passes   int             // good checks that the watch has not seen
	passedAt time.Time       // the end of the latest of them
	over     bool

	asking sync.WaitGroup // the goroutine that asks, where no loop does
}

// plan has the next check begin at a time. If one is under way then, what
// follows it is planned when it has ended.
func (w *watch) plan(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.planLocked(at)
}

func (w *watch) planLocked(at time.Time) {
	if w.over {
		return
	}
	if w.callOff != nil {
		w.callOff()
	}
	w.plans++
	n := w.plans
	w.callOff = w.checker.cfg.Loop.After(time.Until(at), func() { w.begin(n) })
}

// begin is the alarm n going off.
func (w *watch) begin(n int) {
	w.mu.Lock()
	if w.over || w.check != nil || n != w.plans {
		w.mu.Unlock()
		return
	}
	c := &check{watch: w, started: time.Now()}
	w.check, w.urgent = c, false
	w.asking.Add(1)
	w.mu.Unlock()
	defer w.asking.Done()
	c.begin(w.ctx)
}

// hurry has a check begin at once, or as soon as the one under way has ended.
func (w *watch) hurry(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.urgent, w.calm = true, false
	w.planLocked(now)
}

// ended takes the finding of the check under way. A good one that changes
// nothing is counted, and the next check planned; else the watch is told.
func (w *watch) ended(f finding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over || f.err != nil || !w.calm {
		w.findings <- f // has room: no other check begins until the watch has it
		return
	}
	w.check = nil
	w.passes++
	w.passedAt = time.Now()
	w.planLocked(f.started.Add(w.checker.cfg.pause(false)))
}

// next plans what follows a check whose finding the watch has seen, and says
// whether a good one would change anything.
func (w *watch) next(f finding, calm bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.check = nil
	if w.urgent { // something has happened since this check began
		w.planLocked(time.Now())
		return
	}
	w.calm = calm
	w.planLocked(f.started.Add(w.checker.cfg.pause(w.verdict.inDoubt())))
}

// catchUp has the watch see the good checks that it has slept through. States
// tells of them all the while.
func (w *watch) catchUp() {
	w.checker.mu.Lock()
	defer w.checker.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.passes > 0 {
		w.verdict.passes += w.passes
		w.checkedAt = w.passedAt
		w.state.Passes, w.state.CheckedAt = w.verdict.passes, w.checkedAt
		w.passes = 0
	}
}

// withUnseen adds to a state what the watch has not seen yet.
func (w *watch) withUnseen(s State) State {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.passes > 0 {
		s.Passes += w.passes
		s.CheckedAt = w.passedAt
	}
	return s
}

// endTurns begins no check any more, and ends the one under way.
func (w *watch) endTurns() {
	w.mu.Lock()
	w.over = true
	c := w.check
	if w.callOff != nil {
		w.callOff()
	}
	w.mu.Unlock()
	w.asking.Wait()
	if c != nil {
		c.abandon()
	}
}
