package proxy

import (
	"context"
	"fmt"
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
	var tunnels sync.WaitGroup
	defer tunnels.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tunnels.Go(func() { p.drainTunnels(ctx) })
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
		p.relay.Drain(ctx, relay.DrainOptions{Rate: p.drainRate(ctx)})
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// drainRate is how many tunnels are ended in a second so that the last has ended before ctx has.
func (p *Proxy) drainRate(ctx context.Context) float64 {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	const share = 0.8 // of the time; the rest is for tunnels that are never quiet
	return float64(p.relay.Len()+1) / max(share*time.Until(deadline).Seconds(), 0.001)
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
