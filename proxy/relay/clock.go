package relay

import "time"

// clock is the relay's only source of time, so that tests can turn it.
type clock struct {
	now   func() time.Duration // since an arbitrary beginning; never goes back
	after func(time.Duration) <-chan time.Time
}

func wallClock() clock {
	began := time.Now()
	return clock{now: func() time.Duration { return time.Since(began) }, after: time.After}
}
