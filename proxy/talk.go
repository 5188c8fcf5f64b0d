package proxy

import (
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// After has call called once d has passed, on an event loop where there is one that runs, unless stop is called before. call
// must not block. Once Shutdown has returned, nothing is called any more that was to be called by a loop.
//
// It is, with Talk, for what a program does beside the proxy so seldom that waking the runtime for it costs more than doing it.
func (p *Proxy) After(d time.Duration, call func()) (stop func()) {
	if l := p.loop(); l != nil {
		return l.After(d, call)
	}
	t := time.AfterFunc(d, call)
	return func() { t.Stop() }
}

// loop returns a loop that runs, if there is one.
func (p *Proxy) loop() *event.Loop {
	p.mu.Lock()
	defer p.mu.Unlock()
	if loops := p.relay.Loops(); p.begun && len(loops) > 0 {
		return loops[0]
	}
	return nil
}
