package event

import (
	"math"
	"sync"
	"time"
)

const (
	// WheelTick is how coarse a Wheel's deadlines are.
	WheelTick  = 250 * time.Millisecond
	wheelSlots = 512 // 128 seconds to a turn
)

// Wheel calls back at about a given time, without a timer of the runtime's for each. What is further off than a turn is
// called back once a turn, to be put in again. Only the moment of being called back is kept here: whether something is
// really due its owner says itself, so that moving bytes never touches the wheel.
type Wheel struct {
	now   func() time.Duration
	after func(time.Duration) <-chan time.Time
	wake  chan struct{} // gets a token when there is something to be called back sooner than was thought

	mu    sync.Mutex
	slots [wheelSlots]*Timer
	n     int
	next  int64 // the first tick not yet turned past
	first int64 // nothing is due before this tick; Run sleeps until then
}

// Timer is its owner's place on a Wheel. The zero value is on none; it must not be copied.
type Timer struct {
	owner      Timed
	prev, next *Timer
	slot       int32 // 1 + index of the slot; 0 is none
}

// Timed is called back by a Wheel, on the goroutine that turns it, and then is on the wheel no more. It must not block.
type Timed interface{ Due() }

// NewWheel makes a wheel that goes by a clock: now is the time since some beginning, and after like time.After.
func NewWheel(now func() time.Duration, after func(time.Duration) <-chan time.Time) *Wheel {
	return &Wheel{now: now, after: after, wake: make(chan struct{}, 1), first: math.MaxInt64}
}

// Run turns the wheel until stop is closed. It sleeps until something is due.
func (w *Wheel) Run(stop <-chan struct{}) {
	var due []Timed
	for {
		var later <-chan time.Time
		if pause, some := w.pause(); some {
			later = w.after(pause)
		}
		select {
		case <-stop:
			return
		case <-w.wake:
			continue
		case <-later:
		}
		due = w.turn(w.now(), due[:0])
		for i, owner := range due {
			owner.Due()
			due[i] = nil
		}
	}
}

// pause returns how long nothing is due; some is false if nothing is on the wheel. What has been put so far is seen to by that.
func (w *Wheel) pause() (d time.Duration, some bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.wake:
	default:
	}
	if w.n == 0 {
		w.first = math.MaxInt64
		return 0, false
	}
	for w.first = w.next; w.slots[w.first%wheelSlots] == nil; w.first++ {
	}
	return max(time.Duration(w.first)*WheelTick-w.now(), 0), true
}

// Put has owner called back at the first tick after due, or within a turn if that is too far off. It replaces what was
// put before.
func (w *Wheel) Put(t *Timer, owner Timed, due time.Duration) {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(t)
	if w.n == 0 {
		w.first = math.MaxInt64
	}
	w.next = max(w.next, min(int64(now/WheelTick)+1, w.first))
	tick := min(max(int64(due/WheelTick)+1, w.next), w.next+wheelSlots-1)
	slot := tick % wheelSlots
	head := w.slots[slot]
	*t = Timer{owner: owner, next: head, slot: int32(slot) + 1}
	if head != nil {
		head.prev = t
	}
	w.slots[slot] = t
	w.n++
	if tick < w.first {
		w.first = tick
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// Remove takes t off the wheel, if it is on it. A call back may be under way.
func (w *Wheel) Remove(t *Timer) {
	w.mu.Lock()
	w.unlink(t)
	w.mu.Unlock()
}

// unlink takes t out of its slot, if it is in one. The caller holds the lock.
func (w *Wheel) unlink(t *Timer) {
	if t.slot == 0 {
		return
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.slots[t.slot-1] = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.prev, t.next, t.slot = nil, nil, 0
	w.n--
}

// turn takes out everything whose tick has come and appends its owner to into.
func (w *Wheel) turn(now time.Duration, into []Timed) []Timed {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := int64(now / WheelTick)
	w.next = max(w.next, last-wheelSlots+1) // one turn visits every slot
	for ; w.next <= last; w.next++ {
		for slot := w.next % wheelSlots; w.slots[slot] != nil; {
			t := w.slots[slot]
			w.unlink(t)
			into = append(into, t.owner)
		}
	}
	return into
}
