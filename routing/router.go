package routing

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// Config is what a router is built from.
type Config struct {
	Pool     *Pool     // the backends; required
	Sessions *Sessions // where sids are pinned; required with AffinitySID

	// Affinity says what ties a request to a backend. Empty: AffinitySID and AffinityCookie.
	Affinity []Affinity
	// Balance places requests that nothing ties. The zero value: LeastSessions.
	Balance Balance
	// BalanceFactor is how far above the mean load a backend may be for a cookie to bring a new session to it, and for
	// Hash to choose it. 0: 1.25; else at least 1.
	BalanceFactor float64
	// SIDTag has sids taken for tagged ones (TagSID) where they have a known backend's tag.
	SIDTag bool
	// CookieFollows sends a request whose sid is unknown where its cookie says, for a gateway that does not search:
	// right after a restart, wrong for a browser whose tabs share a cookie but not a backend.
	CookieFollows bool
	// Rand draws a random number. nil: rand.Uint64 of math/rand/v2.
	Rand func() uint64
}

// Router places requests. It has no state of its own but whose turn it is.
type Router struct {
	config   Config
	affinity affinities
	sessions *Sessions // nil unless sids pin
	balance  balancer
}

// NewRouter checks the configuration and fills in its defaults.
func NewRouter(c Config) (*Router, error) {
	set, err := newAffinities(c.Affinity)
	switch {
	case err != nil:
		return nil, err
	case c.Pool == nil:
		return nil, errors.New("routing: Config.Pool is missing")
	case set.sid && c.Sessions == nil:
		return nil, errors.New("routing: Config.Sessions is missing, and affinity sid needs it")
	case c.Balance > Hash:
		return nil, fmt.Errorf("routing: balance %d: want LeastSessions, RoundRobin, Random or Hash", c.Balance)
	case c.BalanceFactor != 0 && !(c.BalanceFactor >= 1):
		return nil, fmt.Errorf("routing: balance factor %v: want at least 1", c.BalanceFactor)
	}
	if c.BalanceFactor == 0 {
		c.BalanceFactor = 1.25
	}
	if c.Rand == nil {
		c.Rand = rand.Uint64
	}
	r := &Router{config: c, affinity: set}
	r.balance.how, r.balance.factor, r.balance.rand = c.Balance, c.BalanceFactor, c.Rand
	if set.sid {
		r.sessions = c.Sessions
	}
	return r, nil
}

// PinsSIDs says that sids pin: that a session's every request goes to the backend that issued its sid.
func (r *Router) PinsSIDs() bool { return r.affinity.sid }

// Route decides where a request goes and takes its place there. On an error the Decision says what is known all the
// same: the sid without its tag, and PinDead with ErrGone. Routing a known sid allocates nothing.
func (r *Router) Route(req Request) (Decision, error) {
	if req.SID == "" {
		return r.place(&req, nil)
	}
	d, err := r.follow(&req)
	if err == nil || !req.Passive {
		return d, err
	}
	req.SID = d.SID
	return r.place(&req, nil)
}

// RouteExcept is Route for a request whose earlier choices could not be dialled: it goes to none of tried. Only requests
// without a sid may be placed again; with one it is Route.
func (r *Router) RouteExcept(req Request, tried []*Backend) (Decision, error) {
	if req.SID != "" {
		return r.Route(req)
	}
	return r.place(&req, tried)
}

// follow finds the owner of the request's sid. A valid tag outranks the learned pin.
func (r *Router) follow(req *Request) (Decision, error) {
	d := Decision{SID: req.SID}
	var tagged *Backend
	if r.config.SIDTag {
		d.SID, tagged = r.untag(req.SID)
	}
	if r.sessions != nil {
		shard, k := r.sessions.locate(d.SID)
		found := shard.follow(k, tagged, req)
		switch found.state {
		case pinGone:
			d.Pin = PinDead
			return d, ErrGone
		case pinRetired:
			d.Pin = PinDead
			return d, ErrRetired
		case pinAlive:
			d.Backend, d.Pin, d.TTL, d.Hold = found.hold.on.backend, found.pin, found.ttl, found.hold
			if tagged != nil {
				d.Pin = PinTag
			}
			return d, nil
		}
	}
	if tagged != nil {
		return d.to(tagged, PinTag)
	}
	return r.guess(d, req)
}

// guess places a request whose sid neither a tag nor a pin explains, if the affinity allows that.
func (r *Router) guess(d Decision, req *Request) (Decision, error) {
	snapshot := r.config.Pool.Snapshot()
	if r.affinity.cookie && (r.config.CookieFollows || !r.affinity.sid) {
		if b := snapshot.ByToken(req.Cookie); b != nil && !b.life.Load().dead.Load() {
			return d.to(b, PinCookie)
		}
	}
	if r.affinity.ip && req.ClientIP.IsValid() {
		if c := rendezvous(snapshot.up, hashIP(req.ClientIP), terms{}); c != nil {
			return d.to(c.on.backend, PinIP)
		}
	}
	return d, ErrUnknownSession
}

// to completes a decision for a request of a live session without a pin here, which is in flight only.
func (d Decision) to(b *Backend, pin Pin) (Decision, error) {
	h := b.Hold()
	if h.on.dead.Load() {
		h.Release()
		d.Pin = PinDead
		return d, ErrGone
	}
	d.Backend, d.Pin, d.Hold = b, pin, h
	return d, nil
}

// untag takes the tag off a sid and returns its backend, nil if it has no tag or the token is nobody's.
func (r *Router) untag(sid string) (string, *Backend) {
	bare, token, ok := cutTag(sid)
	if !ok {
		return sid, nil
	}
	return bare, r.config.Pool.Snapshot().ByToken(token)
}

// place finds a backend for a request that belongs to no known session.
func (r *Router) place(req *Request, tried []*Backend) (Decision, error) {
	s := r.config.Pool.Snapshot()
	t := terms{tried: tried, opens: req.Opens && !req.Passive}
	t.limits = t.opens && r.sessions != nil
	for range len(s.up) + 1 { // each further try means that somebody else took the chosen one's last place
		c, pin := r.choose(s, req, t)
		if c == nil {
			break
		}
		limit := int64(0)
		if t.limits {
			limit = c.limit
		}
		hold, ok := c.on.take(t.opens, limit)
		if !ok {
			continue
		}
		hold.sessions, hold.eio = r.sessions, req.eio()
		return Decision{Backend: c.on.backend, SID: req.SID, Pin: pin, Hold: hold}, nil
	}
	d := Decision{SID: req.SID}
	for i := range s.up {
		if (terms{tried: tried}).allow(&s.up[i]) {
			return d, ErrOverloaded
		}
	}
	return d, ErrNoBackend
}

// choose applies the affinities for requests without a session in their fixed order. A cookie brings no new session to a
// backend that is above its share; what opens none adds nothing to it and follows the cookie regardless.
func (r *Router) choose(s *Snapshot, req *Request, t terms) (*candidate, Pin) {
	if r.affinity.cookie && req.Cookie != "" {
		bounded := t
		if t.opens {
			bounded = t.below(r.config.BalanceFactor, s.up)
		}
		if c := s.candidateFor(req.Cookie); c != nil && bounded.allow(c) {
			return c, PinCookie
		}
	}
	if r.affinity.key && req.Key != "" {
		if c := rendezvous(s.up, hashKey(req.Key), t); c != nil {
			return c, PinKey
		}
	}
	if r.affinity.ip && req.ClientIP.IsValid() {
		if c := rendezvous(s.up, hashIP(req.ClientIP), t); c != nil {
			return c, PinIP
		}
	}
	return r.balance.pick(s.up, req.ClientIP, t), PinNew
}
