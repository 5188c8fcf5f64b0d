package proxy

import (
	"testing"

	"github.com/holdfast-proxy/holdfast/routing"
)

// hunt is a search over backends named by letters, for tests that tell its moves.
type hunt struct {
	t        *testing.T
	all      *searches
	s        *search
	backends map[string]*routing.Backend
	slots    int // given back
	found    finding
}

func newHunt(t *testing.T, ids ...string) *hunt {
	pool := routing.NewPool(routing.PoolConfig{})
	var list []routing.BackendConfig
	for _, id := range ids {
		list = append(list, routing.BackendConfig{ID: id, URL: "http://127.0.0.1:1/" + id})
	}
	if err := pool.Set(list); err != nil {
		t.Fatal(err)
	}
	all := &searches{bySID: make(map[string]*search)}
	s := all.join("sid")
	h := &hunt{t: t, all: all, s: s, backends: make(map[string]*routing.Backend)}
	var order []*routing.Backend
	for _, id := range ids {
		h.backends[id] = pool.Snapshot().ByID(id)
		order = append(order, h.backends[id])
	}
	if step := s.next(true, nil); !step.open {
		t.Fatal("the first member is not asked to have the search admitted")
	}
	s.admit(order, func(how finding) { h.slots, h.found = h.slots+1, how })
	return h
}

// wants checks what a member is told to do next: the backend to ask, "wait", or "over".
func (h *hunt) wants(quick bool, want string, tried ...string) {
	h.t.Helper()
	var done []*routing.Backend
	for _, id := range tried {
		done = append(done, h.backends[id])
	}
	step, got := h.s.next(quick, done), "over"
	if step.wait != nil {
		got = "wait"
	}
	if step.open {
		got = "open"
	}
	if step.ask != nil {
		got = step.ask.ID()
	}
	if got != want {
		h.t.Fatalf("quick=%v is told %q, want %q", quick, got, want)
	}
}

const poll, post = false, true

func TestSearchAsksOneBackendAfterTheOther(t *testing.T) {
	h := newHunt(t, "a", "b")
	h.wants(post, "a")
	h.wants(poll, "wait")
	h.s.exclude(h.backends["a"], true)
	h.s.rest(post)
	h.wants(post, "b")
	h.s.prove(h.backends["b"])
	h.s.rest(post)
	h.wants(poll, "over")
	if owner, _ := h.s.outcome(); owner != h.backends["b"] {
		t.Errorf("owner is %v, want b", owner)
	}
	if h.slots != 1 {
		t.Errorf("the slot was given back %d times, want once", h.slots)
	}
}

func TestSearchGivesItsSlotBackOnce(t *testing.T) {
	for name, row := range map[string]struct {
		end  func(h *hunt)
		want finding
	}{
		"when a backend is presumed":             {func(h *hunt) { h.s.presume(h.backends["a"]) }, undecided},
		"when the owner is found":                {func(h *hunt) { h.s.prove(h.backends["a"]) }, foundOwner},
		"when the last member leaves":            {func(h *hunt) {}, undecided},
		"when everyone has denied the sid":       {func(h *hunt) { h.s.exclude(h.backends["a"], true) }, foundNobody},
		"when the only one could not be reached": {func(h *hunt) { h.s.exclude(h.backends["a"], false) }, undecided},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHunt(t, "a")
			row.end(h)
			h.all.leave(h.s)
			if h.slots != 1 || h.found != row.want {
				t.Errorf("the slot was given back %d times, at last with finding %d, want once and %d", h.slots, h.found, row.want)
			}
		})
	}
}

func TestSearchLetsAPostOvertakeAPoll(t *testing.T) {
	h := newHunt(t, "a", "b")
	h.wants(poll, "a")
	h.wants(poll, "wait")
	h.wants(post, "a")
	h.wants(post, "wait")
}

func TestSearchFollowsSilenceAndRetreats(t *testing.T) {
	h := newHunt(t, "a", "b")
	h.wants(poll, "a")
	h.s.presume(h.backends["a"])
	h.wants(post, "a") // the others follow
	h.s.exclude(h.backends["a"], true)
	h.s.rest(post)
	h.wants(post, "b") // a late denial resumes the search, while the poll still waits for its own answer
}

func TestSearchEndsInDenialOnlyIfEveryoneHasDenied(t *testing.T) {
	for name, row := range map[string]struct {
		deniedB bool
		want    bool
	}{
		"both have denied":              {true, true},
		"one could not be asked at all": {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHunt(t, "a", "b")
			h.s.exclude(h.backends["a"], true)
			h.s.exclude(h.backends["b"], row.deniedB)
			h.wants(poll, "over")
			if _, denied := h.s.outcome(); denied != row.want {
				t.Errorf("denied = %v, want %v", denied, row.want)
			}
		})
	}
}

func TestSearchTakesAnUpgradeToEveryBackendOnce(t *testing.T) {
	h := newHunt(t, "a", "b")
	h.wants(post, "a")
	h.s.rest(post)
	h.wants(post, "b", "a")
	h.s.rest(post)
	h.wants(post, "over", "a", "b")
	if _, denied := h.s.outcome(); denied {
		t.Error("nobody has denied the sid, and yet the search says so")
	}
}

func TestSearchDoesNotBeginBeforeTheGate(t *testing.T) {
	all := searches{bySID: make(map[string]*search)}
	s := all.join("sid")
	if all.join("sid") != s {
		t.Error("the second to join begins another search")
	}
	h := &hunt{t: t, s: s}
	h.wants(poll, "open")
	h.wants(post, "wait")
	s.passOn() // its client has left
	h.wants(post, "open")
	s.turnAway()
	h.wants(poll, "over")
	if _, denied := s.outcome(); denied {
		t.Error("a search that was turned away denies the sid")
	}
}

func TestSearchHasABoundOnItsMembers(t *testing.T) {
	all := searches{bySID: make(map[string]*search)}
	var s *search
	for range membersPerSearch {
		s = all.join("sid")
	}
	if all.join("sid") != nil {
		t.Error("a search has taken more members than it may")
	}
	for range membersPerSearch {
		all.leave(s)
	}
	if len(all.bySID) != 0 {
		t.Error("a search outlives its members")
	}
}
