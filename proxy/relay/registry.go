package relay

import (
	"sync"
	"sync/atomic"
)

// registry knows every live tunnel by its group. Its zero value is ready.
type registry struct {
	mu     sync.Mutex
	groups map[any]*group
	closed bool
	n      atomic.Int64

	open sync.WaitGroup // one for every tunnel until its Done has returned, one for every goroutine of a pair
}

// group is the list of one group's tunnels; it exists while it has any.
type group struct {
	key   any
	first *liveTunnel
	n     int
}

// place is a tunnel's link in the list of its group.
type place struct {
	group      *group
	prev, next *liveTunnel
}

// add reports false, and adds nothing, when the registry is shut.
func (g *registry) add(t *liveTunnel, key any) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	in := g.groups[key]
	if in == nil {
		if g.groups == nil {
			g.groups = make(map[any]*group)
		}
		in = &group{key: key}
		g.groups[key] = in
	}
	t.place = place{group: in, next: in.first}
	if in.first != nil {
		in.first.place.prev = t
	}
	in.first = t
	in.n++
	g.n.Add(1)
	g.open.Add(1)
	return true
}

func (g *registry) remove(t *liveTunnel) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := t.place
	if p.prev != nil {
		p.prev.place.next = p.next
	} else {
		p.group.first = p.next
	}
	if p.next != nil {
		p.next.place.prev = p.prev
	}
	if p.group.n--; p.group.n == 0 {
		delete(g.groups, p.group.key)
	}
	t.place = place{}
	g.n.Add(-1)
}

// list returns the tunnels of one group, or of all.
func (g *registry) list(key any, all bool) []*liveTunnel {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !all {
		return g.groups[key].appendTo(nil)
	}
	ts := make([]*liveTunnel, 0, g.len())
	for _, in := range g.groups {
		ts = in.appendTo(ts)
	}
	return ts
}

func (in *group) appendTo(ts []*liveTunnel) []*liveTunnel {
	if in == nil {
		return ts
	}
	for t := in.first; t != nil; t = t.place.next {
		ts = append(ts, t)
	}
	return ts
}

// shut makes add fail from now on and returns every tunnel there is.
func (g *registry) shut() []*liveTunnel {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	return g.list(nil, true)
}

// lenOf returns the number of tunnels in one group.
func (g *registry) lenOf(key any) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if in := g.groups[key]; in != nil {
		return in.n
	}
	return 0
}

func (g *registry) len() int { return int(g.n.Load()) }
