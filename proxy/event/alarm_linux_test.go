package event

import (
	"log/slog"
	"strings"
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
	l := runLoop(t)
	from := time.Now()
	order := make(chan time.Duration, 8)
	for _, d := range []time.Duration{40, 10, 30, 20, 0, -5, 40, 30} {
		d *= time.Millisecond
		l.After(d, func() {
			if early := d - time.Since(from); early > 0 {
				t.Errorf("the call after %v came %v early", d, early)
			}
			order <- d
		})
	}
	last := time.Duration(0)
	for range cap(order) {
		select {
		case d := <-order:
			if d < last-5*time.Millisecond { // 0 and -5 are both at once
				t.Errorf("the call after %v came behind that after %v", d, last)
			}
			last = max(last, d)
		case <-time.After(patience):
			t.Fatal("a call is missing")
		}
	}
}

func TestAStoppedAlarmDoesNotGoOff(t *testing.T) {
	l := runLoop(t)
	stop := l.After(20*time.Millisecond, func() { t.Error("was called") })
	call, made := ticket()
	stopped := l.After(time.Hour, func() {})
	l.After(40*time.Millisecond, call)
	stop()
	stop()
	stopped()
	awaitCall(t, made)
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
