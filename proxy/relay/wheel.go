package relay

import (
	"sync"
	"time"
)

const (
	wheelTick  = 250 * time.Millisecond // how coarse deadlines are
	wheelSlots = 512                    // 128 seconds to a turn
)

// wheel calls tunnels back at about a given time without a timer for each. A tunnel whose time is further off than a
// turn is called back once a turn and put in again. Only the moment of being called back is kept here: when a tunnel
// is really due it says itself, so that moving bytes never touches the wheel.
type wheel struct {
	wake chan struct{} // gets a token when the wheel is no longer empty

	mu    sync.Mutex
	slots [wheelSlots]*liveTunnel
	n     int
	next  int64 // the first tick not yet turned past
}

// timer is a tunnel's link in a slot's list.
type timer struct {
	prev, next *liveTunnel
	slot       int32 // 1 + index of the slot; 0 is none
}

// put has t called back at the first tick after due, or within a turn if that is too far off. It replaces what was put
// before.
func (w *wheel) put(t *liveTunnel, now, due time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(t)
	if w.n == 0 {
		w.next = int64(now/wheelTick) + 1
	}
	tick := min(max(int64(due/wheelTick)+1, w.next), w.next+wheelSlots-1)
	slot := tick % wheelSlots
	head := w.slots[slot]
	t.timer = timer{next: head, slot: int32(slot) + 1}
	if head != nil {
		head.timer.prev = t
	}
	w.slots[slot] = t
	w.n++
	if w.n == 1 {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *wheel) remove(t *liveTunnel) {
	w.mu.Lock()
	w.unlink(t)
	w.mu.Unlock()
}

// unlink takes t out of its slot, if it is in one. The caller holds the lock.
func (w *wheel) unlink(t *liveTunnel) {
	at := t.timer
	if at.slot == 0 {
		return
	}
	if at.prev != nil {
		at.prev.timer.next = at.next
	} else {
		w.slots[at.slot-1] = at.next
	}
	if at.next != nil {
		at.next.timer.prev = at.prev
	}
	t.timer = timer{}
	w.n--
}

// turn takes out every tunnel whose tick has come and appends it to into.
func (w *wheel) turn(now time.Duration, into []*liveTunnel) []*liveTunnel {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := int64(now / wheelTick)
	w.next = max(w.next, last-wheelSlots+1) // one turn visits every slot
	for ; w.next <= last; w.next++ {
		for slot := w.next % wheelSlots; w.slots[slot] != nil; {
			t := w.slots[slot]
			w.unlink(t)
			into = append(into, t)
		}
	}
	return into
}

func (w *wheel) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n == 0
}
