package routing

import (
	"cmp"
	"fmt"
	"net/url"
	"sync/atomic"
)

// BackendConfig is a backend as the operator wants it.
type BackendConfig struct {
	ID          string // unique in the pool; "": host:port of the URL, or its socket path
	URL         string // where it listens; a changed URL is another backend
	Weight      int    // its share of new sessions beside others; 0: 1
	MaxSessions int    // how many sessions it may hold before new ones go elsewhere; 0: no limit. Needs AffinitySID
	Backup      bool   // gets new sessions only while no ordinary backend is Up
}

// complete fills in the defaults and refuses what makes no sense.
func (c BackendConfig) complete() (BackendConfig, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return c, fmt.Errorf("routing: backend %q: URL %q: %w", c.ID, c.URL, err)
	}
	address := cmp.Or(u.Host, u.Path)
	if u.Scheme == "" || address == "" {
		return c, fmt.Errorf("routing: backend %q: URL %q: want SCHEME://HOST:PORT or unix:/PATH", c.ID, c.URL)
	}
	if c.Weight < 0 || c.MaxSessions < 0 {
		return c, fmt.Errorf("routing: backend %q: weight %d and max-sessions %d must not be negative",
			c.ID, c.Weight, c.MaxSessions)
	}
	c.ID, c.Weight = cmp.Or(c.ID, address), max(c.Weight, 1)
	return c, nil
}

// Backend is one ID at one URL. It outlives snapshots and holds what must be counted across them; what is decided about
// it (its state, its weight) stands in the pool's current snapshot alone.
type Backend struct {
	id, url, token string
	seed           uint64
	pool           *Pool
	life           atomic.Pointer[incarnation]
}

// ID returns the backend's name, unique among the pool's configured backends.
func (b *Backend) ID() string { return b.id }

// URL returns where the backend listens, as it was configured.
func (b *Backend) URL() string { return b.url }

// Token returns the backend's opaque name for clients: the affinity cookie's value and the tag of its sids.
func (b *Backend) Token() string { return b.token }

// State returns the backend's state in the pool's current snapshot, Removed if it is not in there.
func (b *Backend) State() State { return b.pool.Snapshot().State(b) }

// Config returns the backend's configuration in the pool's current snapshot, the zero value once it was removed.
func (b *Backend) Config() BackendConfig { return b.pool.Snapshot().member(b).config }

// Weight returns the backend's weight for new sessions now: the configured one times the factor of Pool.SetWeight.
func (b *Backend) Weight() float64 { return b.pool.Snapshot().member(b).weight() }

// Incarnation returns how many times the backend has gone Down.
func (b *Backend) Incarnation() int { return b.life.Load().number }

// Sessions returns how many sessions the backend's current incarnation holds, as far as this process knows, reserved
// places and open WebSocket-only tunnels included.
func (b *Backend) Sessions() int64 { return b.life.Load().sessions.Load() }

// InFlight returns how many Holds are open at the backend's current incarnation: requests, waiting polls and tunnels.
func (b *Backend) InFlight() int64 { return b.life.Load().inFlight.sum() }

// Hold takes a place in flight at b for a request that Route has not placed: one that searches for its session. Such a
// Hold opens no session and pins none.
func (b *Backend) Hold() Hold {
	h, _ := b.life.Load().take(false, 0)
	return h
}

// incarnation is one life of a backend's process. Pins and Holds point to the incarnation they were made in, so that a
// restarted process inherits neither dead pins nor old counts.
type incarnation struct {
	backend  *Backend
	number   int
	dead     atomic.Bool // the process is gone or its backend removed: pins to this incarnation are refused
	_        [64]byte    // keeps what is counted out of the cache line that every request reads
	inFlight tally
	sessions atomic.Int64
	loose    atomic.Int64 // those in flight that belong to none of the sessions
}

// load is what balancers compare: sessions, plus what is in flight beside them. A session's own requests add nothing: half
// of all sessions have a poll open at any moment, and which half is chance.
func (on *incarnation) load() int64 { return on.sessions.Load() + on.loose.Load() }

// idle reports whether nothing is left of it.
func (on *incarnation) idle() bool { return on.sessions.Load() == 0 && on.inFlight.sum() == 0 }

// take takes a place in flight, and counts one more session if it opens one. It refuses, and counts nothing, if there are
// limit sessions already; 0 is no limit. Concurrent takers never exceed the limit.
func (on *incarnation) take(opens bool, limit int64) (Hold, bool) {
	if opens && !on.reserve(limit) {
		return Hold{}, false
	}
	if !opens {
		on.loose.Add(1)
	}
	return Hold{on: on, reserved: opens, loose: !opens, stripe: on.inFlight.up()}, true
}

func (on *incarnation) reserve(limit int64) bool {
	if limit == 0 {
		on.sessions.Add(1)
		return true
	}
	for {
		n := on.sessions.Load()
		if n >= limit {
			return false
		}
		if on.sessions.CompareAndSwap(n, n+1) {
			return true
		}
	}
}
