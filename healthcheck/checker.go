package healthcheck

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Checker watches a changing set of backends. Build it with New.
type Checker struct {
	cfg   Config
	byID  atomic.Pointer[map[string]*watch] // the current watches, for Observe
	moved chan struct{}                     // Set to Run: the watches are others now

	mu       sync.Mutex // guards what follows, and every watch's told state
	watches  []*watch   // in the order of Set
	panicked bool
}

// Set says which backends to watch from now on; of several targets with one ID
// the first counts. A target that was there before keeps its state, a new one
// is checked at once, and of one that has gone nothing more is reported. Set
// may be called before and during Run and waits for nothing; what the new number
// of targets changes about panic is reported before it returns.
func (c *Checker) Set(targets []Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := *c.byID.Load()
	late := c.anyUp()
	byID := make(map[string]*watch, len(targets))
	c.watches = nil
	for _, t := range targets {
		if byID[t.ID] != nil {
			continue
		}
		w := old[t.ID]
		if w == nil || w.target != t {
			w = newWatch(c, t, late)
			c.holdBack(w)
		}
		byID[t.ID] = w
		c.watches = append(c.watches, w)
	}
	c.byID.Store(&byID)
	c.tell()
	select {
	case c.moved <- struct{}{}:
	default: // Run has yet to look at the set before, and will see this one
	}
}

// Run watches until ctx ends, and returns when its last goroutine has. It is
// to be called once.
func (c *Checker) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	stops := make(map[*watch]context.CancelFunc)
	for {
		c.follow(ctx, &running, stops)
		select {
		case <-ctx.Done():
			return
		case <-c.moved:
		}
	}
}

// follow starts the watches that are new and stops those that are no more.
func (c *Checker) follow(ctx context.Context, running *sync.WaitGroup, stops map[*watch]context.CancelFunc) {
	current := *c.byID.Load()
	for w, stop := range stops {
		if current[w.target.ID] != w {
			stop()
			delete(stops, w)
		}
	}
	for _, w := range current {
		if stops[w] != nil {
			continue
		}
		watching, stop := context.WithCancel(ctx)
		stops[w] = stop
		running.Go(func() {
			defer stop()
			w.run(watching)
		})
	}
}

// Observe takes the outcome of one proxied request to the backend id, sent for
// client (invalid if unknown: see Config.MaxFails for why it is asked). An id
// that is not watched is ignored. Observe never waits: while all is well it
// costs a look-up and one atomic load, and in a flood of failures those that
// find no room are dropped.
func (c *Checker) Observe(id string, o Outcome, client netip.Addr) {
	w := (*c.byID.Load())[id]
	if w == nil {
		return
	}
	switch o {
	case Served:
		if !w.alert.Load() {
			return
		}
	case BadReply:
		w.alert.Store(true) // before the event: a Served that follows must not be skipped
	case DialRefused, DialTimeout:
	default:
		return
	}
	select {
	case w.events <- event{outcome: o, client: client}:
	default:
	}
}

// State is what the Checker knows about one target, for people to look at.
type State struct {
	Target Target
	Status Status    // by its own checks and traffic
	Panic  bool      // used as if Up all the same, see Config.PanicThreshold
	Since  time.Time // of Status; for Unknown, when it was first Set

	CheckedAt     time.Time // end of the latest check; zero: none yet
	Passes, Fails int       // checks in a row, up to the latest
	EjectedUntil  time.Time // zero: not ejected

	// Err is what the latest check found, or why the backend is not Up; nil
	// when all is well. Like Change.Err not for clients.
	Err error
}

// States returns a snapshot of all targets, in the order of Set.
func (c *Checker) States() []State {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := make([]State, len(c.watches))
	for i, w := range c.watches {
		states[i] = w.withUnseen(w.state)
		states[i].Panic = c.panicked && w.state.Status.out()
	}
	return states
}
