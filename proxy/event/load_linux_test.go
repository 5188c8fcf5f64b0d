package event

import (
	"runtime"
	"testing"
	"time"
)

// loaded returns a loop whose clock shows a second and that has had these loads in windows that ended then.
func loaded(percent int64, ended time.Duration) *Loop {
	l := &Loop{clock: func() time.Duration { return time.Second }}
	l.load.percent.Store(percent)
	l.load.at.Store(int64(ended))
	return l
}

func TestPick(t *testing.T) {
	const now = time.Second
	for name, row := range map[string]struct {
		loops []*Loop
		want  int
	}{
		"the only one, however busy":                   {[]*Loop{loaded(99, now)}, 0},
		"the first one while it is not nearly full":    {[]*Loop{loaded(84, now), loaded(0, now)}, 0},
		"the next one when it is":                      {[]*Loop{loaded(85, now), loaded(84, now), loaded(0, now)}, 1},
		"the least busy one when all are":              {[]*Loop{loaded(90, now), loaded(95, now), loaded(87, now)}, 2},
		"the first one again once it waits for longer": {[]*Loop{loaded(99, now-300*time.Millisecond), loaded(0, now)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Pick(row.loops); got != row.loops[row.want] {
				t.Errorf("picked the one with a load of %d %%", got.Load())
			}
		})
	}
}

func TestLoadIsThePartOfAWindowThatTheThreadRan(t *testing.T) {
	var l load
	const ms = time.Millisecond
	note := func(batches int, at, took, ran time.Duration) {
		for n := 1; !l.due(at); n++ {
			if n == batches {
				return
			}
		}
		l.note(at, at+took, ran)
	}
	note(loadSample, ms, 3*ms, ms)   // for two more it waited for a processor, as in 15 other batches
	note(loadSample-1, 5*ms, ms, ms) // these are too few
	note(1, 5*ms, 3*ms, 2*ms)        // but one more is a sample of all
	note(1, 30*ms, 10*ms, 10*ms)     // after a while one counts for itself
	note(1, 50*ms, ms, time.Hour)    // it is on another thread now
	note(1, 70*ms, ms, -time.Hour)
	if l.at.Load() != 0 {
		t.Error("a window has ended early")
	}
	note(1, loadWindow, 0, 0)
	if got := l.percent.Load(); got != 16+32+10+1 || l.at.Load() != int64(loadWindow) {
		t.Errorf("a load of %d %% at %v, want 59 at %v", got, time.Duration(l.at.Load()), loadWindow)
	}
}

func TestThreadTimePassesWhileTheThreadRuns(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for before := threadTime(); threadTime() <= before; {
	}
}
