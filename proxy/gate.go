package proxy

import (
	"net/netip"
	"sync"
	"time"
)

const (
	gateWait  = 5 * time.Second // how long a search may wait for its turn
	gateQueue = 4096            // how many searches of one client may wait
)

// gate lets searches begin at a bounded rate. Those that must wait are queued by client (a /64 for IPv6), and the clients
// take turns: one that makes up sids by the thousand delays its own, not those of others.
type gate struct {
	stop     <-chan struct{}
	interval time.Duration // between two searches, in the long run
	burst    time.Duration // how much of that may have been saved up

	mu     sync.Mutex
	free   time.Time // when the next search may begin, if nobody saved up
	queues map[netip.Addr]*gateLine
	turns  []*gateLine // the clients with waiting searches, the next one first
	timer  *time.Timer // runs while somebody waits
}

// gateLine are one client's waiting searches.
type gateLine struct {
	client  netip.Addr
	waiting []chan struct{}
}

// newGate returns a gate for perSecond searches a second, of which as many may come at once. Once stop is closed nobody
// waits any longer.
func newGate(perSecond int, stop <-chan struct{}) *gate {
	return &gate{
		stop:     stop,
		interval: time.Second / time.Duration(perSecond),
		burst:    time.Second,
		queues:   make(map[netip.Addr]*gateLine),
	}
}

// enter waits for the client's turn; false says that it did not come in time.
func (g *gate) enter(client netip.Addr) bool {
	turn, ok := g.queue(network(client))
	if turn == nil {
		return ok
	}
	late := time.NewTimer(gateWait)
	defer late.Stop()
	select {
	case <-turn:
		return true
	case <-late.C:
	case <-g.stop:
	}
	return g.giveUp(network(client), turn)
}

// queue lets the client pass at once, or returns what is closed when its turn has come; nil and false if its line is full.
func (g *gate) queue(client netip.Addr) (turn chan struct{}, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if len(g.turns) == 0 && g.pass(now) {
		return nil, true
	}
	line := g.queues[client]
	if line == nil {
		line = &gateLine{client: client}
		g.queues[client] = line
		g.turns = append(g.turns, line)
	}
	if len(line.waiting) == gateQueue {
		return nil, false
	}
	turn = make(chan struct{})
	line.waiting = append(line.waiting, turn)
	g.wake(now)
	return turn, true
}

// pass takes one search's time if it is there.
func (g *gate) pass(now time.Time) bool {
	if earliest := now.Add(-g.burst); g.free.Before(earliest) {
		g.free = earliest
	}
	if g.free.After(now) {
		return false
	}
	g.free = g.free.Add(g.interval)
	return true
}

// wake has the next turn given when it is due.
func (g *gate) wake(now time.Time) {
	if g.timer == nil {
		g.timer = time.AfterFunc(g.free.Sub(now), g.give)
	}
}

// give lets those pass whose turn has come, one client after the other.
func (g *gate) give() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = nil
	now := time.Now()
	for len(g.turns) > 0 && g.pass(now) {
		line := g.turns[0]
		g.turns = g.turns[1:]
		close(line.waiting[0])
		line.waiting = line.waiting[1:]
		g.requeue(line)
	}
	if len(g.turns) > 0 {
		g.wake(now)
	}
}

// requeue puts a client that has had its turn behind the others, or forgets it if it has no more to wait for.
func (g *gate) requeue(line *gateLine) {
	if len(line.waiting) == 0 {
		delete(g.queues, line.client)
		return
	}
	g.turns = append(g.turns, line)
}

// giveUp takes a search out of its line; true says that its turn came at the last moment.
func (g *gate) giveUp(client netip.Addr, turn chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	line := g.queues[client]
	if line == nil {
		return true
	}
	for i, w := range line.waiting {
		if w != turn {
			continue
		}
		line.waiting = append(line.waiting[:i], line.waiting[i+1:]...)
		if len(line.waiting) == 0 {
			g.leave(line)
		}
		return false
	}
	return true
}

func (g *gate) leave(line *gateLine) {
	delete(g.queues, line.client)
	for i, l := range g.turns {
		if l == line {
			g.turns = append(g.turns[:i], g.turns[i+1:]...)
			return
		}
	}
}

// network is what counts as one client: an IPv6 client has a /64 of addresses to itself.
func network(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		p, _ := addr.Prefix(64)
		return p.Addr()
	}
	return addr
}
