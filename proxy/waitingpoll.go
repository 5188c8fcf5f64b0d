package proxy

import "sync/atomic"

// waitingPoll says whether a poll waits on a backend's connection, so that a drain can end it from outside: either its
// reply begins or it is ended, never one after the other. The zero value: none waits.
type waitingPoll struct {
	looks atomic.Int32 // 0: none; else 1 and how many looks it has waited through, or pollEnded
}

const (
	pollEnded = -1
	// quietLooks is how many looks a poll must have waited through to be ended: as long, at least, as lies between two.
	quietLooks = 2
)

// begin notes that a poll has been sent and waits.
func (w *waitingPoll) begin() { w.looks.Store(1) }

// answer notes that its reply has come; false says that it has been ended, and must not be answered any more.
func (w *waitingPoll) answer() bool { return w.looks.Swap(0) != pollEnded }

// waits says that a poll waits.
func (w *waitingPoll) waits() bool { return w.looks.Load() > 0 }

// look returns through how many looks the poll has waited, this one included; 0 if none waits.
func (w *waitingPoll) look() int {
	n := w.looks.Load()
	if n > 0 && w.looks.CompareAndSwap(n, n+1) {
		return int(n)
	}
	return 0
}

// end has the poll ended; false says that there is none, that its reply has come, or that it is a later one that has not
// waited for long enough.
func (w *waitingPoll) end() bool {
	for {
		n := w.looks.Load()
		if n <= quietLooks {
			return false
		}
		if w.looks.CompareAndSwap(n, pollEnded) {
			return true
		}
	}
}

// endPoll ends the poll that waits on the connection, in the gentlest form that its client takes, and buries its sid. It
// reports whether there was one that has waited for long enough.
func (c *upConn) endPoll() bool {
	if !c.poll.end() {
		return false
	}
	c.abort()
	return true
}

// polls counts the polls that wait at the backend.
func (u *upstream) polls() (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := u.busy; c != nil; c = c.next {
		if c.poll.waits() {
			n++
		}
	}
	return n
}

// quietPolls looks at the polls that wait at the backend, and returns those that have waited for long enough, with how
// many looks that were.
func (u *upstream) quietPolls() (list []quietPoll) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := u.busy; c != nil; c = c.next {
		if looks := c.poll.look(); looks >= quietLooks {
			list = append(list, quietPoll{c, looks})
		}
	}
	return list
}

// quietPoll is a poll that has waited for a while.
type quietPoll struct {
	on    *upConn
	looks int
}
