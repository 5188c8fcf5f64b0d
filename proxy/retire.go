package proxy

import (
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

const (
	retireTick  = 50 * time.Millisecond
	retireWatch = time.Second // between two looks at a drain that closes nothing
	retireSlack = 1.25        // of the time that closing all sessions at the rate takes
)

// retire closes the sessions of draining backends, from their drain's Closes on. It sleeps while none drains.
func (p *Proxy) retire() {
	pace := pace{rate: float64(p.cfg.DrainRate)}
	timer := time.NewTimer(retireWatch)
	defer timer.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-p.drains.wake:
		case <-timer.C:
		}
		if next := p.retireOnce(&pace, time.Now()); next > 0 {
			timer.Reset(next)
		}
	}
}

// retireOnce does what is due now for every drain, and returns when to look again; 0: when there is something new.
func (p *Proxy) retireOnce(pace *pace, now time.Time) (next time.Duration) {
	next = retireWatch
	defer p.recovered("closing sessions of draining backends", nil)
	list := p.drains.all()
	if len(list) == 0 {
		return 0
	}
	pace.pass(now)
	left := int64(0) // of the drains before this one
	for _, d := range list {
		next = min(next, p.advance(d, pace, now, left))
		left += leftAt(d.backend)
	}
	return next
}

// advance does what is due now for one drain, behind that many sessions of earlier ones.
func (p *Proxy) advance(d *backendDrain, pace *pace, now time.Time, before int64) (next time.Duration) {
	b := d.backend
	over, wasOver := b.Sessions() == 0 && b.InFlight() == 0, false
	state := p.drains.update(d, func(s *Drain) { wasOver, s.Done = s.Done, over })
	if over {
		if !wasOver {
			p.log.Info("backend drained", "backend", b.ID(), "closed", state.Closed, "took", now.Sub(state.Since).Round(time.Millisecond))
		}
		return retireWatch
	}
	if state.Closes.IsZero() || b.State() != routing.Draining {
		return retireWatch
	}
	if wait := state.Closes.Sub(now); wait > 0 {
		return min(wait, retireWatch)
	}
	if d.closing == nil {
		d.closing = newClosing(p, b)
	}
	if wasOver || state.Deadline.IsZero() {
		state = p.setDeadline(d, now, before)
		p.log.Info("closing sessions", "backend", b.ID(), "sessions", b.Sessions(), "rate", p.cfg.DrainRate,
			"deadline", state.Deadline.Sub(now).Round(time.Second))
	}
	closed := p.close(d, state.Deadline, pace, now)
	p.stats.retired.Add(int64(closed))
	p.drains.update(d, func(s *Drain) { s.Closed += int64(closed) })
	return retireTick
}

// close ends as many of the drain's sessions as there may be now: all of them once its deadline has passed.
func (p *Proxy) close(d *backendDrain, deadline time.Time, pace *pace, now time.Time) (closed int) {
	if now.Before(deadline) {
		closed = d.closing.some(pace.allowed(), now)
		pace.spend(closed)
		return closed
	}
	p.log.Warn("drain deadline: closing all that is left", "backend", d.backend.ID(),
		"sessions", d.backend.Sessions(), "in_flight", d.backend.InFlight())
	p.setDeadline(d, now, 0)
	return d.closing.all()
}

// setDeadline gives the drain the time that closing its sessions takes, behind those of others, and a grace for what is
// never quiet.
func (p *Proxy) setDeadline(d *backendDrain, now time.Time, before int64) Drain {
	seconds := retireSlack * float64(before+leftAt(d.backend)) / float64(p.cfg.DrainRate)
	at := now.Add(p.cfg.drainGrace + time.Duration(seconds*float64(time.Second)))
	return p.drains.update(d, func(s *Drain) { s.Deadline = at })
}

// leftAt is about how many sessions there are to close at a backend: tunnels that are not Engine.IO's, and sessions that only
// their tags are known of, count by what they have open.
func leftAt(b *routing.Backend) int64 { return max(b.Sessions(), b.InFlight()) }

// pace allows so many a second. What is not used in time is not saved up, but for a tenth of a second: in no second are
// there more than 1.1 times as many.
type pace struct {
	rate float64
	have float64
	last time.Time
}

// pass notes what time it is.
func (p *pace) pass(now time.Time) {
	p.have = min(p.have+p.rate*now.Sub(p.last).Seconds(), max(1, p.rate/10))
	p.last = now
}

// allowed is how many there may be now.
func (p *pace) allowed() int { return int(p.have) }

func (p *pace) spend(n int) { p.have -= float64(n) }
