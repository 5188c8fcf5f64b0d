package event

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// timed has a place on a wheel and nothing to do.
type timed struct{ Timer }

func (*timed) Due() {}

func TestWheelCallsBackOnTime(t *testing.T) {
	const turn = wheelSlots * WheelTick
	for name, row := range map[string]struct {
		put, due    time.Duration
		early, late time.Duration // not called back by the one, but by the other
	}{
		"due in the past: at the next tick": {
			put: time.Minute, due: 0, early: time.Minute, late: time.Minute + WheelTick},
		"due between two ticks: at the second": {
			put: 0, due: 300 * time.Millisecond, early: 499 * time.Millisecond, late: 500 * time.Millisecond},
		"due on a tick: at the next, when it is over": {
			put: 0, due: time.Second, early: time.Second, late: time.Second + WheelTick},
		"due within a turn": {
			put: 0, due: 2 * time.Minute, early: 2 * time.Minute, late: 2*time.Minute + WheelTick},
		"due after many turns: within one, to look again": {
			put: time.Hour, due: 9 * time.Hour, early: time.Hour + turn - 2*WheelTick, late: time.Hour + turn},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWheel(func() time.Duration { return row.put }, time.After)
			tn := new(timed)
			w.Put(&tn.Timer, tn, row.due)
			if got := w.turn(row.early, nil); len(got) != 0 {
				t.Errorf("called back by %v", row.early)
			}
			if got := w.turn(row.late, nil); !slices.Equal(got, []Timed{tn}) || w.n != 0 {
				t.Errorf("not called back by %v", row.late)
			}
		})
	}
}

func TestWheelForgetsWhatIsRemovedAndKeepsTheRest(t *testing.T) {
	w := NewWheel(func() time.Duration { return 0 }, time.After)
	timers := make([]*Timer, 100)
	for i := range timers {
		timers[i] = new(Timer)
		w.Put(timers[i], nil, time.Duration(i%10)*time.Second) // ten to a slot
		w.Put(timers[i], nil, time.Duration(i%5)*time.Second)  // which replaces the first
	}
	for i := 0; i < len(timers); i += 3 {
		w.Remove(timers[i])
		w.Remove(timers[i]) // again is harmless
	}
	if got := w.turn(time.Hour, nil); len(got) != 66 { // a leap of more than a turn visits every slot once
		t.Errorf("%d timers called back, want 66", len(got))
	}
	if w.n != 0 {
		t.Error("something is left")
	}
}

func TestWheelWakesItsKeeperWhenItStopsBeingEmpty(t *testing.T) {
	w := NewWheel(func() time.Duration { return 0 }, time.After)
	now := time.Duration(0)
	w.now = func() time.Duration { return now }
	var a, b timed
	w.Put(&a.Timer, &a, time.Second)
	w.Put(&b.Timer, &b, time.Second)
	w.Remove(&a.Timer)
	w.Remove(&b.Timer)
	now = time.Hour
	w.Put(&a.Timer, &a, time.Hour+time.Second) // with the first token still there
	if len(w.wake) != 1 {
		t.Error("no token")
	}
	if got := w.turn(time.Hour+time.Second, nil); len(got) != 0 {
		t.Error("called back before its time after the wheel had stood still")
	}
}

// turning returns a wheel that turns by the time of a bubble, and what ends it and says how often it has slept.
func turning() (w *Wheel, end func() (sleeps int)) {
	began, sleeps := time.Now(), 0
	after := func(d time.Duration) <-chan time.Time { sleeps++; return time.After(d) }
	w = NewWheel(func() time.Duration { return time.Since(began) }, after)
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() { w.Run(stop); close(ended) }()
	synctest.Wait()
	return w, func() int {
		close(stop)
		<-ended
		return sleeps
	}
}

// TestWheelSleepsUntilSomethingIsDue counts how often a wheel looks at the time in an hour with three deadlines.
func TestWheelSleepsUntilSomethingIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, end := turning()
		var timers [3]reported
		for i := range timers {
			timers[i] = reported{due: make(chan time.Duration, 1), now: w.now}
		}
		for i, at := range []time.Duration{2 * time.Minute, time.Minute, time.Second} { // each sooner than those before
			w.Put(&timers[i].Timer, &timers[i], at)
			synctest.Wait()
		}
		time.Sleep(time.Hour)
		for i, want := range []time.Duration{2 * time.Minute, time.Minute, time.Second} {
			if got := <-timers[i].due; got < want || got > want+WheelTick {
				t.Errorf("called back at %v, want %v", got, want)
			}
		}
		if sleeps := end(); sleeps != 5 { // one for each that was put in first, and two more for what was left when one had been called back
			t.Errorf("%d sleeps, want 5", sleeps)
		}
	})
}

// TestWheelSleepsOnceForWhatIsPutInAgain has the only one on the wheel put itself in again when it is called back.
func TestWheelSleepsOnceForWhatIsPutInAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, end := turning()
		r := &repeated{wheel: w}
		w.Put(&r.Timer, r, time.Minute)
		time.Sleep(10*time.Minute + 30*time.Second)
		if sleeps := end(); r.times != 10 || sleeps != 11 {
			t.Errorf("%d sleeps until it had been called back %d times, want 11 and 10", sleeps, r.times)
		}
	})
}

// repeated is a timer of every minute.
type repeated struct {
	Timer
	wheel *Wheel
	times int
}

func (r *repeated) Due() {
	r.times++
	r.wheel.Put(&r.Timer, r, r.wheel.now()+time.Minute)
}

// TestWheelThatSleptLongTakesLateDeadlines puts in a far deadline when the wheel has not turned for most of a turn.
func TestWheelThatSleptLongTakesLateDeadlines(t *testing.T) {
	now := time.Duration(0)
	w := NewWheel(func() time.Duration { return now }, time.After)
	var a, b timed
	w.Put(&a.Timer, &a, 2*time.Minute)
	w.pause()
	now = time.Minute
	w.Put(&b.Timer, &b, 3*time.Minute)
	if got := w.turn(2*time.Minute+WheelTick, nil); !slices.Equal(got, []Timed{&a}) {
		t.Error("the later one was called back before its time")
	}
	if got := w.turn(3*time.Minute+WheelTick, nil); !slices.Equal(got, []Timed{&b}) {
		t.Error("the later one was not called back at its time")
	}
}

// reported is a timer that tells when it is called back.
type reported struct {
	Timer
	due chan time.Duration
	now func() time.Duration
}

func (r *reported) Due() { r.due <- r.now() }

func TestWheelTurnsUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		now := func() time.Duration { return time.Since(began) }
		w, stop, ended := NewWheel(now, time.After), make(chan struct{}), make(chan struct{})
		go func() { w.Run(stop); close(ended) }()
		r := &reported{due: make(chan time.Duration, 10), now: now}
		for _, in := range []time.Duration{time.Second, time.Minute, 0} {
			time.Sleep(time.Hour) // the wheel is empty and stands still meanwhile
			want := now() + in
			w.Put(&r.Timer, r, want)
			if got := <-r.due; got < want || got > want+2*WheelTick {
				t.Errorf("called back at %v, want %v", got, want)
			}
		}
		w.Put(&r.Timer, r, now()+time.Second)
		close(stop)
		<-ended
	})
}
