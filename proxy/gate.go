package proxy

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	gateWait  = 5 * time.Second // how long a search may wait for its turn
	gateQueue = 4096            // how many searches of one client may wait
	gateSlots = 64              // how many searches may be asking backends at a time
	vainSlots = 4               // how many of a client whose searches all come to nothing
	vainAfter = 32              // how many in a row that takes
)

// gate lets searches begin at a bounded rate, and only so many at a time: where backends are slow, that slows down a flood
// of made-up sids before it drowns them. Searches that must wait are queued by client (a /64 for IPv6), and the clients
// take turns: one that makes up sids delays its own, not those of others. Nor may it have many at the backends at a time,
// where they would lie before the requests of live sessions.
type gate struct {
	stop <-chan struct{}

	mu    sync.Mutex
	rate  bucket
	slots int                      // how many more searches may be asking
	lines map[netip.Addr]*gateLine // of the clients with searches that wait or ask
	turns []*gateLine              // the clients with waiting searches, the next one first
	timer *time.Timer              // runs while somebody waits for time to pass
}

// gateLine are one client's searches.
type gateLine struct {
	client  netip.Addr
	waiting []chan struct{}
	asking  int
	vain    int // how many in a row have found that no backend knows their sid
}

// mayAsk says that the client may have one more search ask.
func (l *gateLine) mayAsk() bool { return l.vain < vainAfter || l.asking < vainSlots }

// newGate returns a gate for perSecond searches a second, of which a second's worth and one more may come at once. Once
// stop is closed nobody waits any longer.
func newGate(perSecond int, stop <-chan struct{}) *gate {
	return &gate{
		stop:  stop,
		rate:  newBucket(perSecond, perSecond+1),
		slots: gateSlots,
		lines: make(map[netip.Addr]*gateLine),
	}
}

// enter waits for the client's turn, until it leaves or too much time has passed; true says that the turn has come. Whoever
// enters leaves. leaving, called only if there is something to wait for, returns what is closed when the client leaves, and
// what ends looking out for that.
func (g *gate) enter(client netip.Addr, leaving func() (gone <-chan struct{}, stop func())) bool {
	client = network(client)
	turn, ok := g.queue(client)
	if turn == nil {
		return ok
	}
	gone, stop := leaving()
	defer stop()
	late := time.NewTimer(gateWait)
	defer late.Stop()
	select {
	case <-turn:
		return true
	case <-late.C:
	case <-gone:
	case <-g.stop:
	}
	return g.giveUp(client, turn)
}

// leave gives a slot back: the search of that client does not ask anybody any more, or only whom it presumes to be the owner.
func (g *gate) leave(client netip.Addr, how finding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	line := g.lines[network(client)]
	line.asking--
	switch how {
	case foundOwner:
		line.vain = 0
	case foundNobody:
		line.vain++
	}
	g.forget(line)
	g.slots++
	g.give(time.Now())
}

// finding is what a search has come to when it stops asking.
type finding uint8

const (
	undecided   finding = iota
	foundOwner          // some backend has proved to own the sid
	foundNobody         // every backend has denied it
)

// forget drops a client's line when nothing of it is left.
func (g *gate) forget(line *gateLine) {
	if line.asking == 0 && len(line.waiting) == 0 {
		delete(g.lines, line.client)
	}
}

// queue lets the client pass at once, or returns what is closed when its turn has come; nil and false if its line is full.
func (g *gate) queue(client netip.Addr) (turn chan struct{}, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	line := g.lines[client]
	if line == nil {
		line = &gateLine{client: client}
		g.lines[client] = line
	}
	if len(g.turns) == 0 && line.mayAsk() && g.pass(now) {
		line.asking++
		return nil, true
	}
	if len(line.waiting) == gateQueue {
		return nil, false
	}
	turn = make(chan struct{})
	if line.waiting = append(line.waiting, turn); len(line.waiting) == 1 {
		g.turns = append(g.turns, line)
	}
	g.give(now)
	return turn, true
}

// pass takes a slot and one search's time if both are there.
func (g *gate) pass(now time.Time) bool {
	if g.slots == 0 || !g.rate.ready(now) {
		return false
	}
	g.slots--
	g.rate.take(now)
	return true
}

// give lets those pass whose turn has come, one client after the other, and has the next looked at in time.
func (g *gate) give(now time.Time) {
	next := slices.IndexFunc(g.turns, (*gateLine).mayAsk)
	for ; next >= 0 && g.pass(now); next = slices.IndexFunc(g.turns, (*gateLine).mayAsk) {
		line := g.turns[next]
		g.turns = slices.Delete(g.turns, next, next+1)
		close(line.waiting[0])
		line.asking++
		if line.waiting = line.waiting[1:]; len(line.waiting) > 0 {
			g.turns = append(g.turns, line)
		}
	}
	if next >= 0 && g.slots > 0 && g.timer == nil {
		g.timer = time.AfterFunc(g.rate.wait(now), g.tick)
	}
}

func (g *gate) tick() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = nil
	g.give(time.Now())
}

// giveUp takes a search out of its line; true says that its turn came at the last moment.
func (g *gate) giveUp(client netip.Addr, turn chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-turn:
		return true
	default:
	}
	line := g.lines[client]
	line.waiting = slices.DeleteFunc(line.waiting, func(w chan struct{}) bool { return w == turn })
	if len(line.waiting) == 0 {
		g.turns = slices.DeleteFunc(g.turns, func(l *gateLine) bool { return l == line })
		g.forget(line)
	}
	return false
}

// network is what counts as one client: an IPv6 client has a /64 of addresses to itself.
func network(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		p, _ := addr.Prefix(64)
		return p.Addr()
	}
	return addr
}
