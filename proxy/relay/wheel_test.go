package relay

import (
	"slices"
	"testing"
	"time"
)

func TestWheelCallsBackOnTime(t *testing.T) {
	const turn = wheelSlots * wheelTick
	for name, row := range map[string]struct {
		put, due    time.Duration
		early, late time.Duration // not called back by the one, but by the other
	}{
		"due in the past: at the next tick": {
			put: time.Minute, due: 0, early: time.Minute, late: time.Minute + wheelTick},
		"due between two ticks: at the second": {
			put: 0, due: 300 * time.Millisecond, early: 499 * time.Millisecond, late: 500 * time.Millisecond},
		"due on a tick: at the next, when it is over": {
			put: 0, due: time.Second, early: time.Second, late: time.Second + wheelTick},
		"due within a turn": {
			put: 0, due: 2 * time.Minute, early: 2 * time.Minute, late: 2*time.Minute + wheelTick},
		"due after many turns: within one, to look again": {
			put: time.Hour, due: 9 * time.Hour, early: time.Hour + turn - 2*wheelTick, late: time.Hour + turn},
	} {
		t.Run(name, func(t *testing.T) {
			w := wheel{wake: make(chan struct{}, 1)}
			tn := new(liveTunnel)
			w.put(tn, row.put, row.due)
			if got := w.turn(row.early, nil); len(got) != 0 {
				t.Errorf("called back by %v", row.early)
			}
			if got := w.turn(row.late, nil); !slices.Equal(got, []*liveTunnel{tn}) || !w.empty() {
				t.Errorf("not called back by %v", row.late)
			}
		})
	}
}

func TestWheelForgetsWhatIsRemovedAndKeepsTheRest(t *testing.T) {
	w := wheel{wake: make(chan struct{}, 1)}
	tunnels := make([]*liveTunnel, 100)
	for i := range tunnels {
		tunnels[i] = new(liveTunnel)
		w.put(tunnels[i], 0, time.Duration(i%10)*time.Second) // ten to a slot
		w.put(tunnels[i], 0, time.Duration(i%5)*time.Second)  // which replaces the first
	}
	for i := 0; i < len(tunnels); i += 3 {
		w.remove(tunnels[i])
		w.remove(tunnels[i]) // again is harmless
	}
	if got := w.turn(time.Hour, nil); len(got) != 66 { // a leap of more than a turn visits every slot once
		t.Errorf("%d tunnels called back, want 66", len(got))
	}
	if !w.empty() {
		t.Error("something is left")
	}
}

func TestWheelWakesItsKeeperWhenItStopsBeingEmpty(t *testing.T) {
	w := wheel{wake: make(chan struct{}, 1)}
	a, b := new(liveTunnel), new(liveTunnel)
	w.put(a, 0, time.Second)
	w.put(b, 0, time.Second)
	w.remove(a)
	w.remove(b)
	w.put(a, time.Hour, time.Hour+time.Second) // with the first token still there
	if len(w.wake) != 1 {
		t.Error("no token")
	}
	if got := w.turn(time.Hour+time.Second, nil); len(got) != 0 {
		t.Error("called back before its time after the wheel had stood still")
	}
}
