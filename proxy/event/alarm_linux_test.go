package event

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// ticket is a call that tells that it was made.
func ticket() (call func(), made chan time.Time) {
	made = make(chan time.Time, 1)
	return func() { made <- time.Now() }, made
}

func awaitCall(t *testing.T, made <-chan time.Time) time.Time {
	t.Helper()
	select {
	case at := <-made:
		return at
	case <-time.After(patience):
		t.Fatal("was not called")
		return time.Time{}
	}
}

func TestAlarmsGoOffInTheirOrderAndNotBefore(t *testing.T) {
	type alarm struct {
		after            time.Duration
		earliest, latest time.Time // when it may be due: set between the two, less what it was to wait
	}
	l := runLoop(t)
	alarms := []*alarm{}
	order := make(chan *alarm, 8)
	for _, d := range []time.Duration{40, 10, 30, 20, 0, -5, 40, 30} {
		d *= time.Millisecond
		a := &alarm{after: d, earliest: time.Now().Add(max(d, 0))}
		l.After(d, func() {
			if early := time.Until(a.earliest); early > 0 {
				t.Errorf("the call after %v came %v early", d, early)
			}
			order <- a
		})
		a.latest = time.Now().Add(max(d, 0))
		alarms = append(alarms, a)
	}
	var last *alarm
	for range alarms {
		select {
		case a := <-order:
			if last != nil && a.latest.Before(last.earliest) {
				t.Errorf("the call after %v came behind that after %v", a.after, last.after)
			}
			last = a
		case <-time.After(patience):
			t.Fatal("a call is missing")
		}
	}
}

func TestAStoppedAlarmDoesNotGoOff(t *testing.T) {
	l := runLoop(t)
	for inTime := false; !inTime; { // an attempt that was off the processor between After and stop shows nothing
		var called atomic.Bool
		call, made := ticket()
		from := time.Now()
		stop := l.After(soon, func() { called.Store(true) })
		stopped := l.After(time.Hour, func() {})
		stop()
		stop()
		inTime = time.Since(from) < soon
		stopped()
		l.After(2*soon, call)
		awaitCall(t, made)
		if inTime && called.Load() {
			t.Error("a stopped alarm went off")
		}
	}
}

func TestAnAlarmMaySetAnother(t *testing.T) {
	l := runLoop(t)
	call, made := ticket()
	l.After(0, func() { l.After(time.Millisecond, call) })
	awaitCall(t, made)
}

func TestAnAlarmThatPanicsKeepsNoOtherFromGoingOff(t *testing.T) {
	l := newLoop(t)
	call, made := ticket()
	again, madeAgain := ticket()
	l.After(0, func() { panic("first") })
	l.After(0, func() { panic("second") })
	l.After(0, call)
	l.After(5*time.Millisecond, again)
	l.run(t)
	awaitCall(t, made)
	awaitCall(t, madeAgain)
	for _, which := range []string{"first", "second"} {
		if !strings.Contains(l.log.String(), which) {
			t.Errorf("the log has nothing of the %s panic", which)
		}
	}
}

func TestAnAlarmOfALoopThatIsClosedNeverGoesOff(t *testing.T) {
	l, err := NewLoop(slog.Default(), func() time.Duration { return 0 }, false)
	if err != nil {
		t.Fatal(err)
	}
	stop := l.After(0, func() { t.Error("was called") })
	l.Close()
	stop()
	l.After(0, func() { t.Error("was called") })()
}
