package proxy

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

const (
	// drainQuiet is how long idle connections are waited for once nothing is under way: a client that is about to send
	// its next request learns from the reply that it must go elsewhere.
	drainQuiet = time.Second
	drainTick  = 50 * time.Millisecond
	// endGrace is how long the last replies may take when the time for draining is over.
	endGrace = 5 * time.Second
)

// drain waits until the clients have nothing under way, or ctx is done.
func (p *Proxy) drain(ctx context.Context) error {
	var ending sync.WaitGroup
	defer ending.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ending.Go(func() { p.drainTunnels(ctx) })
	ending.Go(func() { p.drainPolls(ctx) })
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	quiet := time.Now()
	for {
		if p.busy.Load() > 0 || p.relay.Len() > 0 {
			quiet = time.Now()
		} else if p.count.Load() == 0 || time.Since(quiet) >= drainQuiet {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("proxy: cut short %d requests and %d tunnels: %w", p.busy.Load(), p.relay.Len(), ctx.Err())
		case <-tick.C:
		}
	}
}

// drainTunnels ends tunnels one by one until ctx is done: also those that upgrades under way have yet to open.
func (p *Proxy) drainTunnels(ctx context.Context) {
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for ctx.Err() == nil {
		p.relay.Drain(ctx, relay.DrainOptions{Rate: drainRate(p.relay.Len(), drainShare*left(ctx))})
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// drainShare is the part of its time in which a drain ends all tunnels. The rest is for those that are never quiet, and
// for the polls that have not been answered by then.
const drainShare = 0.8

// left is how many seconds there are until ctx's deadline, +Inf without one.
func left(ctx context.Context) float64 {
	deadline, ok := ctx.Deadline()
	if !ok {
		return math.Inf(1)
	}
	return time.Until(deadline).Seconds()
}

// drainRate is how many of n are to be ended in a second, so that the last has ended within so many seconds; 0, which is no
// limit to those who end, if there is no end to the time.
func drainRate(n int, seconds float64) float64 {
	return float64(n+1) / max(seconds, 0.001)
}

// endAll tells every waiting client that its session is over, lets idle connections go, and cuts, after a grace, those
// that do not take their last reply.
func (p *Proxy) endAll() {
	p.upstreams.Range(func(_, u any) bool { u.(*upstream).end(); return true })
	p.eachConn(func(c *conn) { c.halt() })
	cut := time.AfterFunc(endGrace, func() { p.eachConn(func(c *conn) { c.abort() }) })
	p.work.Wait()
	cut.Stop()
}

func (p *Proxy) eachConn(do func(*conn)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		do(c)
	}
}
