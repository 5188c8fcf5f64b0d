package routing

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// PoolConfig is what a pool is built from. The zero value works.
type PoolConfig struct {
	// Secret signs tokens and seeds rendezvous; replicas that share a secret agree without talking. Empty: tokens can
	// be guessed by anybody who knows the backends' IDs.
	Secret []byte
	// Initial is the state of a backend new to the pool until SetState says more. The zero value: Up.
	Initial State
	// Linger is how long at least a backend that vanished from the configuration is kept, and after its removal its
	// token: the time after which a silent session must have ended. 0: 2 minutes.
	Linger time.Duration
	// Now is the clock. nil: time.Now.
	Now func() time.Time
}

// Pool holds the backends and what is decided about them. Readers take its current Snapshot, one immutable value behind
// one atomic pointer; writers make the next one.
type Pool struct {
	config   PoolConfig
	mu       sync.Mutex // one writer at a time, its callbacks included
	current  atomic.Pointer[Snapshot]
	onChange []func(Change)
}

// NewPool returns an empty pool.
func NewPool(c PoolConfig) *Pool {
	if c.Linger <= 0 {
		c.Linger = 2 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	p := &Pool{config: c}
	p.current.Store(newSnapshot(nil, nil))
	return p
}

// Snapshot returns the pool as it is now.
func (p *Pool) Snapshot() *Snapshot { return p.current.Load() }

// OnChange has fn called for every change of a backend's state, in order, after the new snapshot is visible and before
// the call that caused it returns. Register before the pool is used; fn may read the pool but must not change it.
func (p *Pool) OnChange(fn func(Change)) { p.onChange = append(p.onChange, fn) }

// Set makes list the pool's configuration, wholly or, on an error, not at all. A backend with the same ID and URL
// as before stays the same *Backend with its state, counts and sessions. One that vanished is never cut: it is Draining
// until Sweep finds that its sessions are gone. If it returns before that, it is its old self.
func (p *Pool) Set(list []BackendConfig) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.Snapshot()
	next := make([]member, 0, len(list)+len(old.members))
	ids, tokens, stays := map[string]bool{}, map[string]string{}, map[*Backend]bool{}
	for _, c := range list {
		m, err := p.join(old, c)
		if err != nil {
			return err
		}
		if ids[m.id] {
			return fmt.Errorf("routing: backend %q: configured twice", m.id)
		}
		if twin, ok := tokens[m.token]; ok {
			return fmt.Errorf("routing: backends %q and %q have equal tokens: rename one", twin, m.id)
		}
		ids[m.id], tokens[m.token], stays[m.Backend] = true, m.id, true
		next = append(next, m)
	}
	for _, m := range old.members {
		if stays[m.Backend] {
			continue
		}
		if m.left.IsZero() {
			m.left = p.config.Now()
		}
		next = append(next, m)
	}
	p.publish(next, old.removed)
	return nil
}

// join returns the member that c configures: the one that old has, or a new one.
func (p *Pool) join(old *Snapshot, c BackendConfig) (member, error) {
	c, err := c.complete()
	if err != nil {
		return member{}, err
	}
	for _, m := range old.members {
		if m.id == c.ID && m.url == c.URL {
			m.config, m.left = c, time.Time{}
			return m, nil
		}
	}
	b := &Backend{id: c.ID, url: c.URL, pool: p}
	b.token, b.seed = identity(p.config.Secret, c.ID)
	b.life.Store(&incarnation{backend: b})
	m := member{Backend: b, config: c, health: p.config.Initial, factor: 1}
	if m.health == Draining {
		m.health, m.draining = Up, true
	}
	return m, nil
}

// SetState says how the backend of that ID is found to be: Up, Ejected or Down. Each entry into Down begins a new
// incarnation. Draining is the operator's wish and not undone by Up; SetState(id, Draining) is Drain(id, true).
// It reports whether there is such a backend and such a state.
func (p *Pool) SetState(id string, s State) bool {
	switch s {
	case Up, Ejected, Down:
		return p.change(id, func(m *member) { m.health = s })
	case Draining:
		return p.Drain(id, true)
	}
	return false
}

// Drain has the backend get no new sessions, or lets it have them again; its live ones stay. It reports whether there is
// such a backend.
func (p *Pool) Drain(id string, on bool) bool {
	return p.change(id, func(m *member) { m.draining = on })
}

// SetWeight multiplies the backend's weight in balancing by factor, for a slow start. It moves no affinity key. It
// reports whether there is such a backend and factor is above zero.
func (p *Pool) SetWeight(id string, factor float64) bool {
	return factor > 0 && p.change(id, func(m *member) { m.factor = factor })
}

// change publishes a snapshot in which edit was applied to the backend of that ID.
func (p *Pool) change(id string, edit func(*member)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.Snapshot()
	i, ok := old.index[old.ids[id]]
	if !ok {
		return false
	}
	members := slices.Clone(old.members)
	edit(&members[i])
	p.publish(members, old.removed)
	return true
}

// Sweep removes backends that vanished from the configuration and whose sessions are gone: those that are Down, and
// those idle since Linger or longer. It forgets the tokens of backends removed longer ago than that. It returns how many
// backends it removed; call it about once a second.
func (p *Pool) Sweep() (count int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, old := p.config.Now(), p.Snapshot()
	gone := slices.DeleteFunc(slices.Clone(old.removed), func(r removed) bool { return now.After(r.until) })
	forgot := len(gone) < len(old.removed)
	var stay []member
	for _, m := range old.members {
		if !m.spent(now, p.config.Linger) {
			stay = append(stay, m)
			continue
		}
		gone = append(gone, removed{m.Backend, now.Add(p.config.Linger)})
		count++
	}
	if count > 0 || forgot {
		p.publish(stay, gone)
	}
	return count
}

// spent reports whether a vanished backend has nothing left to stay for.
func (m *member) spent(now time.Time, linger time.Duration) bool {
	if m.left.IsZero() {
		return false
	}
	return m.health == Down || now.Sub(m.left) >= linger && m.life.Load().idle()
}

// publish makes the next snapshot the current one and tells what has changed. The caller holds p.mu.
func (p *Pool) publish(members []member, gone []removed) {
	old := p.Snapshot()
	var changes []Change
	stays := make(map[*Backend]bool, len(members))
	for i := range members {
		b, to := members[i].Backend, members[i].state()
		stays[b] = true
		if from := old.State(b); from != to {
			changes = append(changes, Change{b, from, to})
		}
	}
	for i := range old.members {
		if m := &old.members[i]; !stays[m.Backend] {
			changes = append(changes, Change{m.Backend, m.state(), Removed})
		}
	}
	for _, c := range changes {
		c.begin()
	}
	p.current.Store(newSnapshot(members, gone))
	for _, c := range changes {
		for _, fn := range p.onChange {
			fn(c)
		}
	}
}
