package routing

import (
	"sync"
	"sync/atomic"
)

// tally is a count of what is open that each core keeps in a cache line of its own, or nearly so: with a single one, cores
// that route for the same backend would spend most of their time handing it to each other. The zero tally is zero.
type tally [16]struct {
	n atomic.Int64
	_ [56]byte
}

// stripe is the part of a tally that something was counted in.
type stripe uint8

// stripes lends the goroutine that runs on a core the stripe that the core used last: sync.Pool is the one thing in the
// standard library that keeps cores apart. Nothing depends on it but speed.
var stripes = sync.Pool{New: func() any {
	return &everyStripe[nextStripe.Add(1)%uint32(len(everyStripe))]
}}

var (
	nextStripe  atomic.Uint32
	everyStripe = func() (all [len(tally{})]stripe) {
		for i := range all {
			all[i] = stripe(i)
		}
		return all
	}()
)

// up counts one more and returns what to pass to down for it.
func (t *tally) up() stripe {
	lent := stripes.Get().(*stripe)
	s := *lent
	stripes.Put(lent)
	t[s].n.Add(1)
	return s
}

// down undoes an up.
func (t *tally) down(s stripe) { t[s].n.Add(-1) }

// sum returns how many are open. It reads one stripe after the other; what is open all the while is counted, since it goes
// down where it went up.
func (t *tally) sum() (n int64) {
	for i := range t {
		n += t[i].n.Load()
	}
	return n
}
