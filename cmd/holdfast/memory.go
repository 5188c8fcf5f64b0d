package main

import (
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// restLook is how often memory is looked at, rushLook how often until what a rush has left is given back.
	restLook = time.Second
	rushLook = restLook / 2
	// rushRate is how many bytes are allocated between two looks while there is a rush: by some hundred clients that connect.
	rushRate = 128 << 10
	// leastSpare is what giving back must be worth, at least, and leastShare which part of what is in use.
	leastSpare = 512 << 10
	leastShare = 16
	// freeShare is which part of the time may be spent on giving back.
	freeShare = 100
)

// thrift gives memory back to the system once a rush of clients is over. The runtime collects garbage when the heap has doubled,
// which may never be where clients stay and wait, and keeps for a while what a collection has freed.
type thrift struct {
	after func(time.Duration, func()) (stop func())
	free  func()

	samples []metrics.Sample
	was     uint64 // bytes allocated in all, at the last look
	freed   uint64 // the same when free was called last

	mu      sync.Mutex
	stop    func() // stops the next look
	stopped bool
	freeing sync.WaitGroup
}

// The samples of a thrift.
const (
	allocated = iota // bytes, in all
	live             // of them, what the last collection has left
	inUse            // of them, what has not been freed
	unused           // freed, and not given back
)

// beThrifty begins to look after memory, until stop is called. after has a look made, which does not wait; free, which may, collects
// and gives back what is free then.
func beThrifty(after func(time.Duration, func()) (stop func()), free func()) (stop func()) {
	t := &thrift{after: after, free: free, samples: []metrics.Sample{
		allocated: {Name: "/gc/heap/allocs:bytes"},
		live:      {Name: "/gc/heap/live:bytes"},
		inUse:     {Name: "/memory/classes/heap/objects:bytes"},
		unused:    {Name: "/memory/classes/heap/free:bytes"},
	}}
	t.plan(restLook)
	return t.end
}

func (t *thrift) plan(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stopped {
		t.stop = t.after(d, t.look)
	}
}

func (t *thrift) end() {
	t.mu.Lock()
	t.stopped = true
	t.stop()
	t.mu.Unlock()
	t.freeing.Wait()
}

// look has memory given back if there is enough of it and no rush any more.
func (t *thrift) look() {
	metrics.Read(t.samples)
	total := t.value(allocated)
	rush := total-t.was >= rushRate
	t.was = total
	switch {
	case rush:
		t.plan(rushLook)
	case total-t.freed >= leastSpare && t.spare() >= max(leastSpare, t.value(inUse)/leastShare):
		t.freed = total
		t.freeing.Go(func() {
			began := time.Now()
			t.free()
			t.plan(max(restLook, freeShare*time.Since(began)))
		})
	default:
		t.plan(restLook)
	}
}

// spare returns how many bytes giving back may be worth: those that are free, and those of which nobody knows whether they are
// in use any more.
func (t *thrift) spare() uint64 {
	return t.value(unused) + t.value(inUse) - min(t.value(live), t.value(inUse))
}

func (t *thrift) value(sample int) uint64 { return t.samples[sample].Value.Uint64() }
