package proxy

import (
	"slices"
	"sync"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

const (
	// presumeAfter is the silence after which a backend is presumed to own the sid it was asked about: a poll hangs at
	// its owner, while others answer at once.
	presumeAfter = 200 * time.Millisecond
	// membersPerSearch bounds the requests of one sid that a search serves at a time; a client has three.
	membersPerSearch = 8
	// unknownFor is how long a sid that no backend knows is refused without another search.
	unknownFor = 5 * time.Second
)

// search is the hunt for the backend that owns one sid. All requests of the sid that arrive meanwhile are its members:
// each carries itself to one backend after the other, skipping those that have denied the sid to any of them.
//
// At most one member asks at a time, so that a search costs one request a backend; a POST or an upgrade, which an owner
// answers at once, may overtake a poll, which hangs there. A member whose backend is silent presumes it to be the owner,
// and the others follow it there, but everyone can still retreat: a denial, or the backend's death, resumes the search.
type search struct {
	sid string

	mu       sync.Mutex
	opening  bool               // a member waits at the gate
	admitted bool               // the gate has let it pass
	slot     func(finding)      // gives back what it was admitted with; nil: given back
	order    []*routing.Backend // who may own the sid, likeliest first
	presumed *routing.Backend   // silent on this sid; nil: nobody
	owner    *routing.Backend   // proven
	failed   bool               // some backend could not be asked, so that nobody else's denial proves anything
	asking   [2]int             // how many members are asking: polls, and quick ones
	changed  chan struct{}      // closed with the next change of the above; nil: nobody waits for one

	members int // guarded by searches
}

// step is what a member is to do next: to have the search admitted, to carry itself to a backend, to wait for a change,
// or, if none is set, to see how the search has ended.
type step struct {
	open bool
	ask  *routing.Backend
	wait <-chan struct{}
}

// next decides what a member does that is not asking at the moment. quick says that an owner answers its request at once;
// tried are the backends that have answered it already.
func (s *search) next(quick bool, tried []*routing.Backend) step {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.owner != nil:
		return step{}
	case !s.admitted && !s.opening:
		s.opening = true
		return step{open: true}
	case !s.admitted:
		return step{wait: s.nextChange()}
	}
	b := s.presumed
	if b == nil || slices.Contains(tried, b) {
		b = s.firstExcept(tried)
	}
	switch {
	case b == nil:
		return step{}
	case b != s.presumed && (s.asking[class(true)] > 0 || !quick && s.asking[class(false)] > 0):
		return step{wait: s.nextChange()}
	}
	s.asking[class(quick)]++
	return step{ask: b}
}

func (s *search) firstExcept(tried []*routing.Backend) *routing.Backend {
	for _, b := range s.order {
		if !slices.Contains(tried, b) {
			return b
		}
	}
	return nil
}

func class(quick bool) int {
	if quick {
		return 1
	}
	return 0
}

// admit lets the members begin, with the backends to be asked. slot is called once the search asks nobody any more, or
// only a backend that it presumes to be the owner.
func (s *search) admit(order []*routing.Backend, slot func(finding)) {
	s.change(func() { s.admitted, s.order, s.slot = true, order, slot })
}

// turnAway ends a search before it has begun.
func (s *search) turnAway() {
	s.change(func() { s.admitted, s.failed = true, true })
}

// passOn leaves it to another member to have the search admitted.
func (s *search) passOn() { s.change(func() { s.opening = false }) }

// presume notes that b is silent.
func (s *search) presume(b *routing.Backend) {
	s.change(func() {
		if slices.Contains(s.order, b) {
			s.presumed = b
		}
		s.giveSlot()
	})
}

// yield lets another search begin, because what this one still does may take as long as its client likes.
func (s *search) yield() { s.change(s.giveSlot) }

// giveSlot lets another search begin. The caller holds the lock.
func (s *search) giveSlot() {
	if s.slot == nil {
		return
	}
	how := undecided
	switch {
	case s.owner != nil:
		how = foundOwner
	case s.denied():
		how = foundNobody
	}
	s.slot(how)
	s.slot = nil
}

// denied says that every backend has denied the sid. The caller holds the lock.
func (s *search) denied() bool { return s.admitted && !s.failed && len(s.order) == 0 }

// exclude takes b out of the search: it has denied the sid or, if denied is false, could not be asked.
func (s *search) exclude(b *routing.Backend, denied bool) {
	s.change(func() {
		s.order = slices.DeleteFunc(slices.Clone(s.order), func(o *routing.Backend) bool { return o == b })
		s.failed = s.failed || !denied
		if s.presumed == b {
			s.presumed = nil
		}
	})
}

// prove ends the search: b owns the sid.
func (s *search) prove(b *routing.Backend) {
	s.change(func() {
		s.owner = b
		s.giveSlot()
	})
}

// rest notes that a member has stopped asking.
func (s *search) rest(quick bool) { s.change(func() { s.asking[class(quick)]-- }) }

func (s *search) change(edit func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// nextChange returns what is closed with the next change. The caller holds the lock. Of most searches, above all of those
// for sids that are made up, nobody asks for it.
func (s *search) nextChange() <-chan struct{} {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// outcome says how the search has ended: with an owner, or with none, and then whether every backend has denied the sid.
func (s *search) outcome() (owner *routing.Backend, denied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owner, s.denied()
}

// searches are those under way, by sid.
type searches struct {
	mu    sync.Mutex
	bySID map[string]*search
}

// join enters the search for sid, beginning it if there is none. It returns nil if the search has its full number of
// members. Whoever joins leaves.
func (all *searches) join(sid string) *search {
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.bySID[sid]
	if s == nil {
		s = &search{sid: sid}
		all.bySID[sid] = s
	}
	if s.members == membersPerSearch {
		return nil
	}
	s.members++
	return s
}

func (all *searches) leave(s *search) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if s.members--; s.members == 0 {
		delete(all.bySID, s.sid)
		s.change(s.giveSlot)
	}
}
