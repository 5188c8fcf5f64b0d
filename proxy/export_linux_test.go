package proxy

import (
	"sync/atomic"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// PostAll has the proxy's loops post whatever can be. It must not serve yet.
func (p *Proxy) PostAll() {
	for _, l := range p.relay.Loops() {
		l.PostAll(true)
	}
}

// SpreadLoops has connections spread over all loops, as if each were nearly saturated.
func SpreadLoops() {
	var turn atomic.Uint32
	pickLoop = func(loops []*event.Loop, _ *event.Socket) *event.Loop {
		return loops[turn.Add(1)%uint32(len(loops))]
	}
}
