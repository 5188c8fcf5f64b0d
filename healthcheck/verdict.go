package healthcheck

import (
	"net/netip"
	"time"
)

const (
	ejectionCap = 10 // the longest ejection, in FailTimeouts
	relapseCap  = 3  // relapses double the rise this often at most
)

// rules are the settings of a verdict, already checked and filled in.
type rules struct {
	rise, fall  int
	maxFails    int           // below 1: bad replies never eject
	failTimeout time.Duration // window for the bad replies, and the first ejection's length
	stable      time.Duration // being Up for so long makes the next failure a first one
}

// verdict is the automaton of one backend. It has no clock, no lock and no
// goroutine: every method takes the time of its event, and time never goes back.
//
// Two things are kept apart because they end for different reasons. What
// checks and dials say (health) is ended by checks; an ejection is ended by
// time. Status lays the second over the first.
type verdict struct {
	rules  rules
	health Status // Unknown, Up, Suspect or Down; never Ejected

	passes, fails int // checks in a row; one of them is 0
	refusals      int // how many of the fails were refused dials

	upSince  time.Time // last recovery; zero before the first one
	relapses int       // recoveries in a row that did not last for rules.stable

	bad      int          // bad replies in a row, while Up
	firstBad time.Time    // when their window began
	lastBad  netip.Prefix // whose the last counted one was

	ejectedUntil time.Time // zero: not ejected
	lastEjection time.Time // end of the latest ejection
	ejections    int       // in a row, sets the length of the next one
}

// status is what the backend may be used for.
func (v *verdict) status() Status {
	if v.health == Up && !v.ejectedUntil.IsZero() {
		return Ejected
	}
	return v.health
}

// inDoubt tells whether the next check may change something soon.
func (v *verdict) inDoubt() bool {
	switch v.health {
	case Up:
		return v.fails > 0
	case Down:
		return v.passes > 0
	default:
		return true
	}
}

// convinced tells whether a good check would change nothing.
func (v *verdict) convinced() bool { return v.health == Up && v.fails == 0 }

// passed takes a good check. The first outcome of all makes the backend Up;
// later it takes rise good checks in a row, doubled for every recovery that
// did not last.
func (v *verdict) passed(now time.Time) {
	first := v.health == Unknown
	v.passes, v.fails, v.refusals = v.passes+1, 0, 0
	switch {
	case v.health == Up:
	case first:
		v.health = Up
	case v.passes >= v.rules.rise<<v.relapses:
		v.health, v.upSince = Up, now
	}
}

// failed takes a bad check; refused tells that nothing listened, or not even
// the name existed. A refusal takes new sessions away at once, as does a bad
// first outcome; fall bad checks in a row end in Down, whatever they were.
func (v *verdict) failed(refused bool, now time.Time) {
	v.passes, v.fails = 0, v.fails+1
	if refused {
		v.refusals++
	}
	switch {
	case v.health == Down:
	case v.fails >= v.rules.fall:
		v.leaveUp(Down, now)
		v.bad, v.ejectedUntil = 0, time.Time{}
	case refused || v.health == Unknown:
		v.leaveUp(Suspect, now)
	}
}

// dialFailed takes a dial for a client that was refused or not answered, and
// tells whether the backend is to be checked at once. Such a dial never makes
// a backend Down, and it does not ask again while it is Suspect already.
func (v *verdict) dialFailed(now time.Time) (checkNow bool) {
	if v.health == Down {
		return false
	}
	checkNow = v.health != Suspect
	v.passes = 0
	v.leaveUp(Suspect, now)
	return checkNow
}

// leaveUp enters Suspect or Down. A backend that was Up for less than
// rules.stable after a recovery relapses: it must convince for longer.
func (v *verdict) leaveUp(to Status, now time.Time) {
	if v.health == Up {
		v.relapses = v.nextRelapses(now)
	}
	v.health = to
}

func (v *verdict) nextRelapses(now time.Time) int {
	if v.upSince.IsZero() || now.Sub(v.upSince) >= v.rules.stable {
		return 0
	}
	return min(v.relapses+1, relapseCap)
}

// served takes a good reply of real traffic: it ends a row of bad ones.
func (v *verdict) served() { v.bad = 0 }

// badReply takes a bad reply of real traffic to client and tells whether the
// backend has earned an ejection. One client counts at most every other time,
// so that nobody alone can eject a backend; an invalid address is nobody's,
// and counts.
func (v *verdict) badReply(client netip.Addr, now time.Time) (eject bool) {
	if v.rules.maxFails < 1 || v.status() != Up {
		return false
	}
	if now.Sub(v.firstBad) > v.rules.failTimeout {
		v.bad = 0
	}
	from := household(client)
	switch {
	case v.bad == 0:
		v.firstBad = now
	case from.IsValid() && from == v.lastBad:
		return false
	}
	v.bad, v.lastBad = v.bad+1, from
	return v.bad >= v.rules.maxFails
}

// household is the network one client can speak from: an IPv4 address or an
// IPv6 /64. It is invalid for an invalid address.
func household(client netip.Addr) netip.Prefix {
	client = client.Unmap()
	bits := 64
	if client.Is4() {
		bits = 32
	}
	p, err := client.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// eject begins an ejection: the first lasts failTimeout, each further one twice
// as long up to ten times that. As long without an ejection forgives them all.
func (v *verdict) eject(now time.Time) {
	longest := ejectionCap * v.rules.failTimeout
	if now.Sub(v.lastEjection) > longest {
		v.ejections = 0
	}
	length := longest
	if v.ejections < 4 { // 1, 2, 4 and 8 times; 16 would be beyond the cap
		length = min(longest, v.rules.failTimeout<<v.ejections)
	}
	v.ejections++
	v.bad = 0
	v.ejectedUntil = now.Add(length)
	v.lastEjection = v.ejectedUntil
}

// tick ends an ejection whose time is over.
func (v *verdict) tick(now time.Time) {
	if !v.ejectedUntil.IsZero() && !now.Before(v.ejectedUntil) {
		v.ejectedUntil = time.Time{}
	}
}
