package proxy

import (
	"testing"

	"github.com/holdfast-proxy/holdfast/routing"
)

// hunt is a search over backends named by letters, for tests that tell its moves.
type hunt struct {
	t        *testing.T
	s        *search
	backends map[string]*routing.Backend
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
	all := searches{bySID: make(map[string]*search)}
	s, _ := all.join("sid")
	h := &hunt{t: t, s: s, backends: make(map[string]*routing.Backend)}
	var order []*routing.Backend
	for _, id := range ids {
		h.backends[id] = pool.Snapshot().ByID(id)
		order = append(order, h.backends[id])
	}
	s.admit(order)
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
	s, first := all.join("sid")
	if !first {
		t.Fatal("the first to join is not told so")
	}
	if again, first := all.join("sid"); again != s || first {
		t.Error("the second to join begins another search")
	}
	h := &hunt{t: t, s: s}
	h.wants(poll, "wait")
	s.turnAway()
	h.wants(poll, "over")
	if _, denied := s.outcome(); denied {
		t.Error("a search that was turned away denies the sid")
	}
}

func TestSearchHasABoundOnItsMembers(t *testing.T) {
	all := searches{bySID: make(map[string]*search)}
	var s *search
	for range waitingPerSearch {
		s, _ = all.join("sid")
	}
	if more, _ := all.join("sid"); more != nil {
		t.Error("a search has taken more members than it may")
	}
	for range waitingPerSearch {
		all.leave(s)
	}
	if len(all.bySID) != 0 {
		t.Error("a search outlives its members")
	}
}
