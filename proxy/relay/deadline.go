package relay

import "time"

// keepTime ends tunnels that are due until the relay is to end. While no tunnel has a deadline it sleeps.
func (r *Relay) keepTime() {
	var due []*liveTunnel
	for {
		select {
		case <-r.stop:
			return
		case <-r.wheel.wake:
		}
		for !r.wheel.empty() {
			select {
			case <-r.stop:
				return
			case <-r.clock.after(wheelTick):
			}
			due = r.wheel.turn(r.clock.now(), due[:0])
			for i, t := range due {
				t.expire()
				due[i] = nil
			}
		}
	}
}

// expire does what the tunnel's deadlines ask for by now, and puts it back on the wheel if one is still to come.
func (t *liveTunnel) expire() {
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
	t.schedule(now)
}

// expireIn has the tunnel cut after d, or sooner if that was said before. The caller holds the lock.
func (t *liveTunnel) expireIn(d time.Duration) {
	now := t.relay.clock.now()
	if t.expires == 0 || t.expires > now+d {
		t.expires = now + d
		t.schedule(now)
	}
}

// schedule puts the tunnel on the wheel for its next deadline, if it has one. The caller holds the lock.
func (t *liveTunnel) schedule(now time.Duration) {
	due := t.expires
	if t.idle > 0 && !t.ending {
		if at := t.lastHeard() + t.idle; due == 0 || at < due {
			due = at
		}
	}
	if due != 0 {
		t.relay.wheel.put(t, now, due)
	}
}
