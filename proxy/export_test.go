package proxy

import (
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// WithDrainGrace has a drain's deadline come that soon after the time that closing takes.
func (c *Config) WithDrainGrace(d time.Duration) { c.drainGrace = d }

// Lent is how many connections to the backend are in use.
func (p *Proxy) Lent(b *routing.Backend) (n int) {
	u, err := p.upstreamOf(b)
	if err != nil {
		return 0
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := u.busy; c != nil; c = c.next {
		n++
	}
	return n
}
