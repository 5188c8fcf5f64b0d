package proxy

import (
	"net/netip"
	"sync"
)

// maxHeldBody bounds the body that a search holds for a request, maxHeldByClient those of one client together, and
// maxHeldBodies those of all. Engine.IO's servers take a megabyte unless told otherwise.
const (
	maxHeldBody     = 4 << 20
	maxHeldByClient = 8 << 20
	maxHeldBodies   = 64 << 20
)

// heldBodies counts the bytes of request bodies that searches hold. The zero value holds none.
type heldBodies struct {
	mu       sync.Mutex
	total    int64
	byClient map[netip.Addr]int64 // a /64 for IPv6
}

// take counts n more bytes for the client, unless it or all together would then hold too many. Whoever takes gives.
func (h *heldBodies) take(client netip.Addr, n int64) bool {
	client = network(client)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.total+n > maxHeldBodies || h.byClient[client]+n > maxHeldByClient {
		return false
	}
	if h.byClient == nil {
		h.byClient = make(map[netip.Addr]int64)
	}
	h.total += n
	h.byClient[client] += n
	return true
}

func (h *heldBodies) give(client netip.Addr, n int64) {
	client = network(client)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.total -= n
	if h.byClient[client] -= n; h.byClient[client] == 0 {
		delete(h.byClient, client)
	}
}

// releaseWire gives back the request as it was serialised, once it will not be sent again.
func (x *exchange) releaseWire() {
	giveBuffer(x.wire)
	x.wire = nil
	if x.heldSize > 0 {
		x.c.p.heldBodies.give(x.client, x.heldSize)
		x.heldSize = 0
	}
}
