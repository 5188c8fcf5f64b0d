package proxy

import "time"

// bucket lets events pass at a rate, and some at once after a quiet time, so that any stretch of time sees at most the
// burst and what the rate gives for it (the generic cell rate algorithm). Its zero value lets everything pass.
type bucket struct {
	interval time.Duration // between two events, in the long run; 0: no limit
	saved    time.Duration // how much of that can have been saved up
	free     time.Time     // when the next event may pass, if nothing was saved up
}

// newBucket returns a bucket for perSecond events a second, of which burst may come at once; 0 for a rate is no limit, 0
// for the burst a second's worth.
func newBucket(perSecond, burst int) bucket {
	if perSecond == 0 {
		return bucket{}
	}
	if burst == 0 {
		burst = perSecond
	}
	interval := time.Second / time.Duration(perSecond)
	return bucket{interval: interval, saved: time.Duration(burst-1) * interval}
}

// ready says that an event may pass now.
func (b *bucket) ready(now time.Time) bool { return !b.free.After(now.Add(b.saved)) }

// wait is how long it takes until b is ready, which it is not now.
func (b *bucket) wait(now time.Time) time.Duration { return b.free.Sub(now) - b.saved }

// take counts an event.
func (b *bucket) take(now time.Time) {
	if b.free.Before(now) {
		b.free = now
	}
	b.free = b.free.Add(b.interval)
}
