package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// DrainOptions says which tunnels a drain ends and how gently.
type DrainOptions struct {
	// Group names the tunnels to end; nil means every tunnel.
	Group any

	// Rate is how many tunnels are ended in a second, so that their clients do not all come back at once; zero means
	// no limit.
	Rate float64

	// Quiet is how long the backend must have been silent on a tunnel before the tunnel is ended, so that no message
	// is cut in half; zero means 250 ms, negative that it does not matter.
	Quiet time.Duration
}

// preludeTimeout is how long a drain waits for a client to begin using its tunnel.
const preludeTimeout = 10 * time.Second

// drainRound is the time between two looks at the tunnels that are left.
const drainRound = 50 * time.Millisecond

// Drain ends tunnels one after the other, the longest idle first and each as EndGroup does, and returns nil when none
// is left; tunnels started meanwhile are ended too. When ctx's deadline passes, what is left is cut at once and the
// error says how much it was. When ctx is cancelled instead, Drain stops and leaves alone what it has not ended yet.
func (r *Relay) Drain(ctx context.Context, o DrainOptions) error {
	d := newDrain(r, o)
	for d.round() {
		select {
		case <-r.clock.after(drainRound):
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("relay: drain stopped: %w", ctx.Err())
			}
			return fmt.Errorf("relay: drain: %d tunnels cut: %w", d.cutAll(), ctx.Err())
		}
	}
	return nil
}

// drain is one call of Drain.
type drain struct {
	relay   *Relay
	opt     DrainOptions
	waiting []drainee     // not ended yet, longest idle first
	allowed float64       // how many may be ended now
	last    time.Duration // when allowed was worked out
}

// drainee is a tunnel that waits for its end, and when it last moved a byte before it was listed.
type drainee struct {
	tunnel *liveTunnel
	heard  time.Duration
}

func newDrain(r *Relay, o DrainOptions) drain {
	if o.Quiet == 0 {
		o.Quiet = 250 * time.Millisecond
	}
	return drain{relay: r, opt: o, allowed: 1, last: r.clock.now()}
}

// round ends what may be ended now, and reports whether any tunnel is left.
func (d *drain) round() bool {
	if len(d.waiting) == 0 && !d.list() {
		return false
	}
	if d.opt.Rate <= 0 {
		d.end(len(d.waiting))
		return true
	}
	now := d.relay.clock.now()
	d.allowed = min(d.allowed+d.opt.Rate*(now-d.last).Seconds(), max(1, d.opt.Rate*drainRound.Seconds()))
	d.last = now
	d.allowed -= float64(d.end(int(d.allowed)))
	return true
}

// end ends up to n of the waiting tunnels, and returns how many.
func (d *drain) end(n int) (ended int) {
	now := d.relay.clock.now()
	keep := d.waiting[:0]
	for i, w := range d.waiting {
		if ended == n {
			keep = append(keep, d.waiting[i:]...)
			break
		}
		if now-w.tunnel.lastFrom(backend) < d.opt.Quiet || w.tunnel.unsettled(now) {
			keep = append(keep, w)
			continue
		}
		if w.tunnel.end(Drained) {
			ended++
		}
	}
	clear(d.waiting[len(keep):])
	d.waiting = keep
	return ended
}

// list looks for tunnels to end, and reports whether there are any tunnels, be they ending already.
func (d *drain) list() bool {
	all := d.relay.tunnels.list(d.opt.Group, d.opt.Group == nil)
	for _, t := range all {
		if !t.isEnding() {
			d.waiting = append(d.waiting, drainee{t, t.lastHeard()})
		}
	}
	slices.SortFunc(d.waiting, func(a, b drainee) int { return cmp.Compare(a.heard, b.heard) })
	return len(all) > 0
}

// cutAll returns how many tunnels it cut.
func (d *drain) cutAll() (n int) {
	for _, t := range d.relay.tunnels.list(d.opt.Group, d.opt.Group == nil) {
		if t.cut(DrainCut) {
			n++
		}
	}
	return n
}
