package relay

import "time"

// Drainer ends the tunnels of a group a few at a time, for a caller that paces them together with other things. It holds
// nothing that must be given back, and is for one goroutine at a time.
type Drainer struct {
	d      drain
	listed time.Duration // when d.waiting was made
}

// drainerList is how long a Drainer goes on with the tunnels that it knows of before it looks for others.
const drainerList = time.Second

// NewDrainer returns a drainer of the tunnels of o.Group that are as quiet as o says; o.Rate means nothing to it.
func (r *Relay) NewDrainer(o DrainOptions) *Drainer {
	return &Drainer{d: newDrain(r, o), listed: -drainerList}
}

// End ends up to n tunnels as Drain does, the longest idle first, and returns how many.
func (d *Drainer) End(n int) int {
	if now := d.d.relay.clock.now(); now-d.listed >= drainerList {
		d.listed = now
		d.d.waiting = d.d.waiting[:0]
		d.d.list()
	}
	return d.d.end(n)
}
