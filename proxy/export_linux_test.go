package proxy

import (
	"sync/atomic"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// SpreadLoops has connections spread over all loops, as if each were nearly saturated.
func SpreadLoops() {
	var turn atomic.Uint32
	pickLoop = func(loops []*event.Loop, _ *event.Socket) *event.Loop {
		return loops[turn.Add(1)%uint32(len(loops))]
	}
}
