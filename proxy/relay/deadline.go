package relay

import "time"

// Due implements event.Timed: it does what the tunnel's deadlines ask for by now, and puts it back on the wheel if one is
// still to come.
func (t *liveTunnel) Due() {
	t.mu.Lock()
	now := t.relay.clock.now()
	if t.expires != 0 && t.expires <= now {
		why := t.cause
		t.mu.Unlock()
		t.cut(why)
		return
	}
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	if t.idle > 0 && t.lastHeard()+t.idle <= now {
		t.endLocked(Idle)
	}
	if t.probe > 0 && t.started+t.probe <= now && !t.ending {
		t.carrier.keepAlive(t.probe)
		t.probe = 0
	}
	t.schedule()
}

// expireIn has the tunnel cut after d, or sooner if that was said before. The caller holds the lock.
func (t *liveTunnel) expireIn(d time.Duration) {
	if at := sooner(t.expires, t.relay.clock.now()+d); at != t.expires {
		t.expires = at
		t.schedule()
	}
}

// schedule puts the tunnel on the wheel for its next deadline, if it has one. The caller holds the lock.
func (t *liveTunnel) schedule() {
	due := t.expires
	if t.idle > 0 && !t.ending {
		due = sooner(due, t.lastHeard()+t.idle)
	}
	if t.probe > 0 && !t.ending {
		due = sooner(due, t.started+t.probe)
	}
	if due != 0 {
		t.relay.wheel.Put(&t.timer, t, due)
	}
}

// sooner returns the earlier of two deadlines, of which due may be 0, which is never.
func sooner(due, at time.Duration) time.Duration {
	if due == 0 {
		return at
	}
	return min(due, at)
}
