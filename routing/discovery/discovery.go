package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

const (
	// refresh is the time between two questions to DNS. Records' TTLs are not visible through the standard resolver.
	refresh = 5 * time.Second
	// poll is the time between two looks at a file. Polling sees what notifications miss: symbolic links that are
	// turned, as Kubernetes does it with a ConfigMap, and files on network mounts.
	poll = time.Second
	// patience bounds one look at a source: time for a silent first name server, asked twice, and an answer of the second.
	patience = 15 * time.Second
)

// Config is what New makes a Discovery from. Sources and Set are required; the zero value of every other field works.
type Config struct {
	// Static are backends that are members always.
	Static []routing.BackendConfig
	// Sources list the others.
	Sources []Source
	// Set is given the whole membership, once every source was asked and then whenever it changes; usually Pool.Set. It is
	// called by one goroutine at a time and must not wait for Run. What it refuses is logged, and not tried again before
	// the next change.
	Set func([]routing.BackendConfig) error
	// Resolver asks DNS. nil: the standard one, made strict, so that a failure on the way through the search list of
	// /etc/resolv.conf is never mistaken for an answer.
	Resolver *net.Resolver
	// Logger gets a line for every change of membership, every failure that is new, and its end. nil: no log.
	Logger *slog.Logger
}

// Discovery follows its sources. Build it with New.
type Discovery struct {
	config    Config
	followers []*follower
	ready     chan struct{} // closed when unasked has come to 0

	mu      sync.Mutex // guards what follows and what the followers have found, and is held during Set
	unasked int        // sources that were not asked yet
}

// follower is what is known of one source.
type follower struct {
	source Source
	look   look
	again  chan struct{} // has room for one: Reload to the follower's goroutine

	asked    bool                    // at least once
	list     []routing.BackendConfig // what it listed last
	trouble  string                  // what was logged last about it; "": all was well
	failures int64                   // looks that brought an error
}

// look asks a source what it lists. A list without an error is its whole answer; an error without a list says why there
// is none; both, that the error concerns a part of which the last answer stands in the list; neither, that nothing is
// new. force asks even where nothing seems to have changed.
type look func(ctx context.Context, force bool) ([]routing.BackendConfig, error)

// New checks the configuration. It reads no source: that is Run's part.
func New(c Config) (*Discovery, error) {
	if c.Set == nil {
		return nil, errors.New("discovery: Set is nil: want Pool.Set or one's own")
	}
	if len(c.Sources) == 0 {
		return nil, errors.New("discovery: no Sources: want at least one")
	}
	if c.Resolver == nil {
		c.Resolver = &net.Resolver{StrictErrors: true}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Static = slices.Clone(c.Static)
	for i, b := range c.Static {
		c.Static[i] = identified(b)
	}
	d := &Discovery{config: c, ready: make(chan struct{})}
	seen := map[Source]bool{}
	for _, s := range c.Sources {
		if s.scheme == "" || seen[s] {
			return nil, fmt.Errorf("discovery: source %q: want a result of ParseSource, each once", s)
		}
		seen[s] = true
		d.followers = append(d.followers, &follower{source: s, look: s.look(c.Resolver), again: make(chan struct{}, 1)})
	}
	d.unasked = len(d.followers)
	return d, nil
}

// Run follows the sources until ctx is done, and returns when its last goroutine has ended. It is to be called once.
func (d *Discovery) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for _, f := range d.followers {
		running.Go(func() { d.follow(ctx, f) })
	}
}

// Ready is closed once Run has asked every source, with or without success, and has Set what they list. To serve before
// that is to refuse live sessions that a predecessor has left, for want of a backend that could own them.
func (d *Discovery) Ready() <-chan struct{} { return d.ready }

// Reload has every source read at once, even where nothing seems to have changed. It does not wait for that.
func (d *Discovery) Reload() {
	for _, f := range d.followers {
		select {
		case f.again <- struct{}{}:
		default: // it is about to be read
		}
	}
}

// follow looks at one source again and again until ctx is done.
func (d *Discovery) follow(ctx context.Context, f *follower) {
	tick := time.NewTicker(f.source.pause())
	defer tick.Stop()
	d.ask(ctx, f, true)
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.again:
			d.ask(ctx, f, true)
		case <-tick.C:
			d.ask(ctx, f, false)
		}
	}
}

// ask looks at a source once and makes what it lists count.
func (d *Discovery) ask(ctx context.Context, f *follower, force bool) {
	looking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := f.look(looking, force)
	if ctx.Err() != nil || list == nil && err == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	first, changed := !f.asked, list != nil && !slices.Equal(list, f.list)
	if first {
		f.asked = true
		d.unasked--
	}
	d.report(f, err)
	if changed {
		d.replace(f, list)
	}
	if d.unasked == 0 && (changed || first) {
		d.set()
	}
	if d.unasked == 0 && first {
		close(d.ready)
	}
}
