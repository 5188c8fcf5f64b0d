package relay_test

import (
	"sync"
	"testing"
	"time"
)

// fakeClock stands still until it is turned.
type fakeClock struct {
	mu      sync.Mutex
	changed *sync.Cond
	at      time.Duration
	sleeps  []sleep
}

type sleep struct {
	until time.Duration
	woken chan time.Time
}

func newFakeClock() *fakeClock {
	c := &fakeClock{}
	c.changed = sync.NewCond(&c.mu)
	return c
}

func (c *fakeClock) now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *fakeClock) after(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := sleep{until: c.at + d, woken: make(chan time.Time, 1)}
	if d <= 0 {
		s.woken <- time.Time{}
		return s.woken
	}
	c.sleeps = append(c.sleeps, s)
	c.changed.Broadcast()
	return s.woken
}

// turn lets d pass, and wakes whoever has slept enough.
func (c *fakeClock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at += d
	left := c.sleeps[:0]
	for _, s := range c.sleeps {
		if s.until <= c.at {
			s.woken <- time.Time{}
			continue
		}
		left = append(left, s)
	}
	c.sleeps = left
}

// turnAsleep is turn once somebody sleeps, so that it is not left behind.
func (c *fakeClock) turnAsleep(t testing.TB, d time.Duration) {
	t.Helper()
	c.awaitSleeper(t)
	c.turn(d)
}

// awaitSleeper waits until the relay's deadlines have been looked after and the next look is due later.
func (c *fakeClock) awaitSleeper(t testing.TB) {
	t.Helper()
	late := time.AfterFunc(patience, func() { t.Error("nobody sleeps"); c.turn(0); c.changed.Broadcast() })
	defer late.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.sleeps) == 0 && !t.Failed() {
		c.changed.Wait()
	}
}
