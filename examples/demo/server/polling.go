package main

import (
	"net/http"
	"sync/atomic"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	engine "github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Two of the library's goroutines can answer one poll of a busy session, and the second to try ends the session with a "polling
// write error". What is here keeps them apart.

// pollingBuilder makes sessions' polling transports.
type pollingBuilder struct{ transports.PollingBuilder }

func (b *pollingBuilder) New(ctx *types.HttpContext) transports.Transport {
	return &polling{Polling: b.PollingBuilder.New(ctx).(transports.Polling)}
}

// polling is a polling transport whose noops are sent under the lock under which its session sends messages.
type polling struct {
	transports.Polling
	noop atomic.Bool // one is to be sent instead of the next message
}

// Send implements transports.Transport. The library sends a noop, which has a client end its poll and upgrade, on a timer's
// goroutine that has asked whether a poll is there, but holds no lock: a message may have taken that poll since. Being ready has the
// session ask again, with its lock.
func (p *polling) Send(packets []*packet.Packet) {
	if len(packets) != 1 || packets[0].Type != packet.NOOP {
		p.Polling.Send(packets)
		return
	}
	p.noop.Store(true)
	p.Emit("ready")
	p.noop.Store(false)
}

// Writable implements transports.Transport. It sends the noop if there is one, and has the session keep its messages then: for the
// next poll, or for the WebSocket.
func (p *polling) Writable() bool {
	if !p.Polling.Writable() {
		return false
	}
	if p.noop.CompareAndSwap(true, false) {
		p.Polling.Send([]*packet.Packet{{Type: packet.NOOP}})
		return false
	}
	return true
}

// patient is the library's server, but its reply to a poll leaves when it has done with that poll. By itself it lets the reply go
// first: of a client that has polled again by then it forgets the new poll.
type patient struct{ engine.Server }

func (s patient) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		s.Server.ServeHTTP(w, r)
		return
	}
	ctx := types.NewHttpContext(w, r)
	done := make(chan struct{})
	_ = ctx.Once("close", func(...any) { close(done) })
	s.HandleRequest(ctx)
	<-done
}
