package event

import (
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
		"the first one while it is not nearly full":    {[]*Loop{loaded(69, now), loaded(0, now)}, 0},
		"the next one when it is":                      {[]*Loop{loaded(70, now), loaded(69, now), loaded(0, now)}, 1},
		"the least busy one when all are":              {[]*Loop{loaded(90, now), loaded(95, now), loaded(80, now)}, 2},
		"the first one again once it waits for longer": {[]*Loop{loaded(99, now-300*time.Millisecond), loaded(0, now)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Pick(row.loops); got != row.loops[row.want] {
				t.Errorf("picked the one with a load of %d %%", got.Load())
			}
		})
	}
}

func TestLoadIsThePartOfAWindowThatWasBusy(t *testing.T) {
	var l load
	for at := time.Duration(0); at < loadWindow; at += 10 * time.Millisecond {
		l.note(at, at+time.Millisecond) // and three other batches, of a millisecond each
	}
	if l.at.Load() != 0 {
		t.Error("a window has ended early")
	}
	l.note(loadWindow, loadWindow)
	if got := l.percent.Load(); got != 40 || l.at.Load() != int64(loadWindow) {
		t.Errorf("a load of %d %% at %v, want 40 at %v", got, time.Duration(l.at.Load()), loadWindow)
	}
}
