package proxy

import (
	"net/netip"
	"sync"
)

// perIP counts connections by their client's address, if there is a bound on that.
type perIP struct {
	mu    sync.Mutex
	count map[netip.Addr]int
}

// enter counts c, or turns it away. Proxies that are trusted speak for many clients
// and are not counted, nor are peers without an address.
func (n *perIP) enter(c *conn) bool {
	limit := c.p.cfg.MaxConnectionsPerIP
	if limit == 0 || !c.peer.IsValid() || c.p.cfg.trusts(c.peer) {
		return true
	}
	if n.add(network(c.peer), limit) {
		c.counted = true
		return true
	}
	x := exchange{closing: true}
	c.linger = c.write(x.appendAnswer(nil, tooMany), c.p.cfg.BodyTimeout) == nil
	return false
}

// countedAs is the address that perIP has counted c under; the zero value if it has not.
func (c *conn) countedAs() netip.Addr {
	if !c.counted {
		return netip.Addr{}
	}
	return network(c.peer)
}

func (n *perIP) add(client netip.Addr, limit int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.count[client] >= limit {
		return false
	}
	if n.count == nil {
		n.count = make(map[netip.Addr]int)
	}
	n.count[client]++
	return true
}

// leave undoes enter. The zero address was not counted.
func (n *perIP) leave(client netip.Addr) {
	if !client.IsValid() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.count[client]--; n.count[client] == 0 {
		delete(n.count, client)
	}
}
