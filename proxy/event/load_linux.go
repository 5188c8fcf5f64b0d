package event

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// loadWindow is the time over which a loop's load is measured.
	loadWindow = 100 * time.Millisecond
	// loadSample is how many batches there are at most to one whose time is taken: to ask for it costs as much as a small
	// event. Batches that take long are sampled more often.
	loadSample = 16
	loadPause  = 10 * time.Millisecond
)

// load is which part of a processor a loop takes for what it does. Time in which its thread waits for a processor does not
// count: another loop would have to wait for one too.
type load struct {
	// These belong to the loop's goroutine.
	began, busy time.Duration // of the present window
	batches     int           // since the latest sample
	sampled     time.Duration // when that was

	percent atomic.Int64 // in the window before
	at      atomic.Int64 // when that ended, by the loop's clock
}

// due says that the batch which begins now is to be a sample.
func (l *load) due(now time.Duration) bool {
	l.batches++
	return l.batches == loadSample || now-l.sampled >= loadPause
}

// note notes for how long the loop's thread has run, in a batch that took from one time to another, as in the others since the
// sample before. A loop that has come to another thread meanwhile may seem to have run for any time.
func (l *load) note(from, to, ran time.Duration) {
	l.busy += time.Duration(l.batches) * min(max(ran, 0), to-from)
	l.batches, l.sampled = 0, to
	if window := to - l.began; window >= loadWindow {
		l.percent.Store(int64(min(100*l.busy/window, 100)))
		l.at.Store(int64(to))
		l.began, l.busy = to, 0
	}
}

// threadTime is for how long the thread that asks has run.
func threadTime() time.Duration {
	var t unix.Timespec
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano())
}

// Load is which part of a processor the loop took of late, in percent.
func (l *Loop) Load() int {
	if l.clock()-time.Duration(l.load.at.Load()) > 2*loadWindow {
		return 0 // it has waited since
	}
	return int(l.load.percent.Load())
}

// full is the load from which on a loop gets no more connections if another one has less.
const full = 85

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
