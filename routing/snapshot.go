package routing

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is the pool's membership, states and precomputed lists at one moment. It never changes; load it once per
// request and keep it for the request's whole way.
type Snapshot struct {
	members []member
	index   map[*Backend]int    // places in members
	ids     map[string]*Backend // configured backends first, then leaving ones
	tokens  map[string]*Backend // as ids, and removed ones while their tokens are remembered
	up      []candidate         // who gets new sessions
	removed []removed
}

// member is a backend and what is decided about it.
type member struct {
	*Backend
	config   BackendConfig
	health   State     // Up, Ejected or Down, as last told to SetState
	draining bool      // as last told to Drain
	left     time.Time // when it vanished from the configuration; zero: it is in there
	factor   float64   // as last told to SetWeight
	place    int       // its place in Snapshot.up, -1: none
}

// removed is a backend that has left the pool, and until when its token is remembered.
type removed struct {
	*Backend
	until time.Time
}

// candidate is a backend that may get new sessions, with all that choosing needs next to each other.
type candidate struct {
	on         *incarnation
	weight     float64 // for balancing: the configured weight times the factor
	configured float64 // for rendezvous: without the factor, so that a slow start moves no key
	limit      int64   // sessions it may hold; 0: no limit
	seed       uint64  // of its rendezvous scores
}

func (m *member) weight() float64 { return float64(m.config.Weight) * m.factor }

func (m *member) state() State {
	if m.health == Down {
		return Down
	}
	if m.draining || !m.left.IsZero() {
		return Draining
	}
	return m.health
}

// newSnapshot takes ownership of both lists. The incarnations must be the current ones already.
func newSnapshot(members []member, gone []removed) *Snapshot {
	s := &Snapshot{
		members: members,
		removed: gone,
		index:   make(map[*Backend]int, len(members)),
		ids:     make(map[string]*Backend, len(members)),
		tokens:  make(map[string]*Backend, len(members)+len(gone)),
	}
	for _, r := range gone {
		s.tokens[r.token] = r.Backend
	}
	for i, m := range slices.Backward(members) { // so that the first, the configured one, wins an ID
		s.index[m.Backend] = i
		s.ids[m.id], s.tokens[m.token] = m.Backend, m.Backend
	}
	if s.nominate(false); len(s.up) == 0 {
		s.nominate(true)
	}
	return s
}

// nominate makes candidates of the members that are Up: the backups, or the ordinary ones.
func (s *Snapshot) nominate(backups bool) {
	for i := range s.members {
		m := &s.members[i]
		if m.state() != Up || m.config.Backup != backups {
			m.place = -1
			continue
		}
		m.place = len(s.up)
		s.up = append(s.up, candidate{
			on:         m.life.Load(),
			weight:     m.weight(),
			configured: float64(m.config.Weight),
			limit:      int64(m.config.MaxSessions),
			seed:       m.seed,
		})
	}
}

// member returns what stands about b, the zero member if it is not in the pool. The result is for reading only.
func (s *Snapshot) member(b *Backend) *member {
	if i, ok := s.index[b]; ok {
		return &s.members[i]
	}
	return &member{}
}

// candidateFor returns the candidate whose token this is, nil if that backend gets no new sessions.
func (s *Snapshot) candidateFor(token string) *candidate {
	i, ok := s.index[s.tokens[token]]
	if !ok || s.members[i].place < 0 {
		return nil
	}
	return &s.up[s.members[i].place]
}

// Backends returns all backends of the pool in the order of their configuration, leaving ones last. The slice is the
// caller's own.
func (s *Snapshot) Backends() []*Backend {
	all := make([]*Backend, len(s.members))
	for i := range s.members {
		all[i] = s.members[i].Backend
	}
	return all
}

// ByID returns the backend of that ID, nil if there is none.
func (s *Snapshot) ByID(id string) *Backend { return s.ids[id] }

// ByToken returns the backend of that token, nil if there is none. A removed backend is still found for a while.
func (s *Snapshot) ByToken(token string) *Backend { return s.tokens[token] }

// State returns b's state in this snapshot, Removed if it is not in there.
func (s *Snapshot) State(b *Backend) State {
	if i, ok := s.index[b]; ok {
		return s.members[i].state()
	}
	return Removed
}

// SeekOrder returns whom to ask about a sid that nobody here knows: all backends but those that are Down, the likeliest
// owners first. These are the one the cookie names, the one the key hashes to, the one the client's address hashes to,
// then those with the most sessions. The result uses buf's memory if it is large enough.
func (s *Snapshot) SeekOrder(buf []*Backend, req Request) []*Backend {
	order := buf[:0]
	for i := range s.members {
		if s.members[i].state() != Down {
			order = append(order, s.members[i].Backend)
		}
	}
	slices.SortStableFunc(order, func(a, b *Backend) int { return cmp.Compare(b.Sessions(), a.Sessions()) })
	if req.ClientIP.IsValid() {
		prefer(order, rendezvous(s.up, hashIP(req.ClientIP), terms{}))
	}
	if req.Key != "" {
		prefer(order, rendezvous(s.up, hashKey(req.Key), terms{}))
	}
	if i := slices.Index(order, s.tokens[req.Cookie]); i >= 0 {
		toFront(order, i)
	}
	return order
}

// prefer moves c's backend to the front of order.
func prefer(order []*Backend, c *candidate) {
	if c != nil {
		toFront(order, slices.Index(order, c.on.backend))
	}
}

// toFront moves the i-th element to the front and keeps the others in order.
func toFront(order []*Backend, i int) {
	b := order[i]
	copy(order[1:i+1], order[:i])
	order[0] = b
}
