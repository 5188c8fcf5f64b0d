package proxy

import (
	"sync/atomic"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// pins is how many ways there are for a request to be placed.
const pins = int(routing.PinDead) + 1

// stats counts what the proxy has done since it was built.
type stats struct {
	pins          [pins]atomic.Int64
	searches      atomic.Int64
	asked         atomic.Int64
	found         atomic.Int64
	notUnderstood atomic.Int64
	retired       atomic.Int64
}

// Stats is what a proxy has done since it was built, and what it is doing.
type Stats struct {
	Pins          map[routing.Pin]int64 // requests by what tied them to their backend
	Searches      int64                 // searches for a sid that was not known here
	Asked         int64                 // requests that backends got in the course of them
	Found         int64                 // how many of the searches came to a proof
	NotUnderstood int64                 // replies to handshakes in which no sid was found
	Retired       int64                 // sessions closed because their backend drains

	HandshakesWaiting int           // for their turn or a place, now
	HandshakesWaited  int64         // had to wait
	HandshakeWait     time.Duration // how long, all together
	HandshakesFull    int64         // refused because too many waited
	HandshakesLate    int64         // refused because they had waited for too long

	Connections int64 // clients now, tunnels included
	Requests    int64 // requests under way now, waiting polls included
	Tunnels     int   // tunnels open now
}

// Stats returns the counts so far.
func (p *Proxy) Stats() Stats {
	s := Stats{
		Pins:          make(map[routing.Pin]int64, pins),
		Searches:      p.stats.searches.Load(),
		Asked:         p.stats.asked.Load(),
		Found:         p.stats.found.Load(),
		NotUnderstood: p.stats.notUnderstood.Load(),
		Retired:       p.stats.retired.Load(),
		Connections:   p.count.Load(),
		Requests:      p.busy.Load(),
		Tunnels:       p.relay.Len(),
	}
	p.room.addTo(&s)
	for i := range p.stats.pins {
		s.Pins[routing.Pin(i)] = p.stats.pins[i].Load()
	}
	return s
}

// Announce has Draining say that Shutdown is to come, so that whoever asks sends no new clients here. Nothing else
// changes: all that come are served.
func (p *Proxy) Announce() { p.announced.Store(true) }

// Draining says that Shutdown has been announced or has begun.
func (p *Proxy) Draining() bool { return p.announced.Load() || p.draining.Load() }
