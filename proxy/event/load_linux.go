package event

import (
	"sync/atomic"
	"time"
)

const (
	// loadWindow is the time over which a loop's load is measured.
	loadWindow = 100 * time.Millisecond
	// loadSample is how many batches there are to one whose time is taken.
	loadSample = 4
)

// load is which part of its time a loop does not wait.
type load struct {
	began, busy time.Duration // of the present window; they belong to the loop's goroutine

	percent atomic.Int64 // in the window before
	at      atomic.Int64 // when that ended, by the loop's clock
}

// note notes that the loop was busy, as it was with the other batches of which this one is a sample.
func (l *load) note(from, to time.Duration) {
	l.busy += loadSample * (to - from)
	if window := to - l.began; window >= loadWindow {
		l.percent.Store(int64(min(100*l.busy/window, 100)))
		l.at.Store(int64(to))
		l.began, l.busy = to, 0
	}
}

// Load is which part of its time the loop was not waiting of late, in percent.
func (l *Loop) Load() int {
	if l.clock()-time.Duration(l.load.at.Load()) > 2*loadWindow {
		return 0 // it has waited since
	}
	return int(l.load.percent.Load())
}

// full is the load from which on a loop gets no more connections if another one has less.
const full = 70

// Pick returns the loop that is to get the next connection: the first one until that is nearly saturated, since two loops at
// low load take twice the CPU time of one, and then the next one.
func Pick(loops []*Loop) *Loop {
	best, least := loops[0], loops[0].Load()
	for _, l := range loops[1:] {
		if least < full {
			break
		}
		if n := l.Load(); n < least {
			best, least = l, n
		}
	}
	return best
}
