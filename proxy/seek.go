package proxy

import (
	"errors"
	"net/http"

	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// maySeek says that the request's session may be searched for. Preflights and the like never are: any backend answers
// them. Nor are sids that do not pin, which are configured so because they collide: somebody else's session would answer.
func (x *exchange) maySeek() bool {
	cfg := &x.c.p.cfg
	return !cfg.NoSeek && cfg.Router.PinsSIDs() && (x.method == "GET" || x.method == "POST")
}

// seek finds the owner of a sid that nobody here knows, because this process has restarted or another replica has seen
// the handshake. The request carries itself to one backend after the other until one proves to own the session; see
// search for how the requests of one sid share that work. It returns as run does.
//
// A poll is at one backend at a time, is never cancelled in order to search on, and goes elsewhere only when its backend
// has denied the sid or is known to be dead.
func (x *exchange) seek() bool {
	x.seeking = true
	if err := x.holdBody(); err != nil {
		return x.refuse(err)
	}
	s := x.c.p.searches.join(x.decision.SID)
	if s == nil {
		return x.refuse(routing.ErrUnknownSession)
	}
	defer x.leaveSearch(s)
	x.search = s
	for !x.c.left() {
		next := s.next(x.quick(), x.tried)
		switch {
		case next.open:
			x.openSearch(s)
		case next.ask != nil:
			if over, more := x.askAbout(s, next.ask); over {
				return more
			}
		case next.wait != nil:
			if !x.c.await(next.wait) {
				return x.refuse(routing.ErrUnknownSession)
			}
		default:
			return x.conclude(s)
		}
	}
	return false
}

// leaveSearch ends the request's membership, and whatever part it still has, should a panic have cut it short.
func (x *exchange) leaveSearch(s *search) {
	x.rest(s)
	if x.opening {
		s.passOn()
	}
	x.c.p.searches.leave(s)
}

// rest notes that the request is not asking any more.
func (x *exchange) rest(s *search) {
	if x.asking {
		x.asking = false
		s.rest(x.quick())
	}
}

// openSearch waits until the gate lets the search pass, and begins it. If this client leaves before that, another
// member waits in its place.
func (x *exchange) openSearch(s *search) {
	p := x.c.p
	if d, err := p.cfg.Router.Route(x.routingRequest()); err == nil { // an earlier search has just found the owner
		d.Hold.Release()
		s.prove(d.Backend)
		return
	}
	x.opening = true
	passed := p.seekGate.enter(x.client, x.c.watchLeaving)
	x.opening = false
	switch {
	case passed:
		p.stats.searches.Add(1)
		client := x.client
		s.admit(p.cfg.Pool.Snapshot().SeekOrder(nil, x.routingRequest()), func(how finding) { p.seekGate.leave(client, how) })
	case x.c.left():
		s.passOn()
	default:
		s.turnAway()
	}
}

// quick says that the sid's owner answers the request at once, where a poll would hang.
func (x *exchange) quick() bool { return x.method == "POST" || x.upgrade }

// askAbout carries the request to a backend that may own its session. over says that its client has been answered, or
// has left; otherwise the search goes on.
func (x *exchange) askAbout(s *search, b *routing.Backend) (over, more bool) {
	x.asking = true
	x.c.p.stats.asked.Add(1)
	x.decision.Backend, x.decision.Pin, x.decision.Hold = b, routing.PinSought, b.Hold()
	x.holds, x.presumed, x.retried = true, false, false
	if err := x.attemptRepeated(); err != nil {
		over, more = x.unanswered(s, err)
	} else {
		over, more = x.judge(s)
	}
	if !over {
		x.dropUpstream()
		x.decision.Hold.Release()
		x.holds = false
	}
	return over, more
}

// unanswered decides what a backend's silence means. Where it cannot have acted on the request, or is dead, this member
// goes on; the others are kept from it only if it could not be reached at all, since a reset is one request's loss.
func (x *exchange) unanswered(s *search, err error) (over, more bool) {
	x.rest(s)
	b := x.decision.Backend
	var f *failure
	errors.As(err, &f)
	unreachable := f.phase == dialling || b.State() >= routing.Down
	if outOfResources(err) {
		return true, x.reply(overloaded) // our own want says nothing of the backend
	}
	if x.c.left() || f.phase == waiting && !unreachable && !x.upgrade {
		s.yield()
		return true, x.fail(err)
	}
	if unreachable {
		s.exclude(b, false)
	} else {
		x.tried = append(x.tried, b)
	}
	return false, false
}

// judge reads a backend's reply: proof pins the session, a denial goes on to the next. Anything else is for the client
// alone to know, except that an upgrade goes on, since only a 101 shows that it has found its place; its first such reply
// is kept in case there is no better one.
func (x *exchange) judge(s *search) (over, more bool) {
	b, status := x.decision.Backend, x.up.res.Status
	if status == http.StatusSwitchingProtocols {
		return x.judgeSwitch(s)
	}
	if status != http.StatusBadRequest && !x.upgrade {
		s.yield() // no denial, and the body may take its time
	}
	out := x.beginReply()
	held, err := x.holdBack(maxDenial)
	denied := err == nil && engineio.IsUnknownSID(status, held, x.decision.SID, x.upgrade)
	if denied {
		s.exclude(b, true)
	} else if engineio.ProvesOwner(x.method, status, held) {
		x.proven(s)
	}
	x.rest(s)
	if err == nil && !denied && !x.upgrade {
		s.yield()
		x.releaseWire() // the reply may take its time
		return true, x.finishReply(out, held)
	}
	giveBuffer(out.buf)
	switch {
	case err != nil:
		return true, x.fail(err)
	case denied:
		x.returnUpstream()
	default:
		x.keepAnswer(status, held)
	}
	return false, false
}

// judgeSwitch takes a 101 for proof if it is one to WebSocket.
func (x *exchange) judgeSwitch(s *search) (over, more bool) {
	if !x.up.res.Upgrade {
		x.rest(s)
		x.tried = append(x.tried, x.decision.Backend)
		return false, false
	}
	x.proven(s)
	x.rest(s)
	return true, x.deliver()
}

// maxDenial is how much of a reply is held back to recognise a denial.
const maxDenial = 4 << 10

// keepAnswer keeps the first reply to an upgrade that is neither a yes nor a denial.
func (x *exchange) keepAnswer(status int, body []byte) {
	x.tried = append(x.tried, x.decision.Backend)
	if x.kept.status == 0 {
		x.kept = answer{status, plainText, string(body)}
	}
}

// proven pins the session to the backend that has just shown to own it.
func (x *exchange) proven(s *search) {
	b := x.decision.Backend
	x.proved = true
	x.c.p.cfg.Sessions.Learn(x.decision.SID, b, 0, routing.BySearch)
	x.c.p.stats.found.Add(1)
	x.c.p.stats.pins[routing.PinSought].Add(1)
	s.prove(b)
	if d, err := x.c.p.cfg.Router.Route(x.routingRequest()); err == nil {
		x.decision.Hold.Release()
		d.Pin, d.Backend = routing.PinSought, b
		x.decision = d
	}
}

// conclude carries the request to the owner that another one has found, or tells its client that there is none.
func (x *exchange) conclude(s *search) bool {
	s.yield()
	x.search, x.retried, x.presumed = nil, false, false
	owner, denied := s.outcome()
	switch {
	case owner != nil:
		x.decision.Backend, x.decision.Hold = owner, owner.Hold()
		x.holds = true
		if d, err := x.c.p.cfg.Router.Route(x.routingRequest()); err == nil {
			x.decision.Hold.Release()
			x.decision = d
		}
		x.c.p.stats.pins[routing.PinSought].Add(1)
		return x.carry()
	case x.kept.status != 0:
		return x.reply(x.kept)
	case denied:
		x.c.p.cfg.Sessions.Bury(x.decision.SID, unknownFor)
	}
	return x.refuse(routing.ErrUnknownSession)
}
