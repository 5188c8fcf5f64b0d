package routing_test

import (
	"sync/atomic"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing"
)

// TestABackendIsNeverIdleWhileAHoldIsOpen reads the requests in flight while others come and go on every core: the one that
// is open all the while is always among them.
func TestABackendIsNeverIdleWhileAHoldIsOpen(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a")...)
	g.handshake("open")
	g.handshake("busy")
	open := g.route(routing.Request{SID: "open"})
	var over atomic.Bool
	missed := inParallel(4, func(worker int) (missed int) {
		if worker == 0 {
			defer over.Store(true)
			for range 20_000 {
				if g.backend("a").InFlight() < 1 {
					missed++
				}
			}
			return missed
		}
		for !over.Load() {
			g.poll("busy")
		}
		return 0
	})
	if missed > 0 {
		t.Errorf("of 20,000 readings %d missed it", missed)
	}
	g.count("a", counts{sessions: 2, inFlight: 1}, "when the others are over")
	open.Hold.Release()
	g.count("a", counts{sessions: 2}, "when all are over")
}
