package relay

import (
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// NewWithClock is New with a clock that the test turns.
func NewWithClock(cfg Config, now func() time.Duration, after func(time.Duration) <-chan time.Time) (*Relay, error) {
	return newRelay(cfg, clock{now: now, after: after})
}

// What tests count with.
const (
	WheelTick     = event.WheelTick
	DrainRound    = drainRound
	LingerTimeout = lingerTimeout
	ReadSize      = loopReadSize
)

// Began reports whether Run has begun.
func (r *Relay) Began() bool { return r.began.Load() }

// DrainPlan is a Drain whose rounds the test calls.
type DrainPlan struct{ d drain }

func (r *Relay) NewDrainPlan(o DrainOptions) *DrainPlan { return &DrainPlan{newDrain(r, o)} }

func (p *DrainPlan) Round() bool { return p.d.round() }

// Ending is how many tunnels are on their way out.
func (r *Relay) Ending() (n int) {
	for _, t := range r.tunnels.list(nil, true) {
		if t.isEnding() {
			n++
		}
	}
	return n
}
