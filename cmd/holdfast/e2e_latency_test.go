package main_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// latencies are how long requests took, sorted.
type latencies []time.Duration

func (l latencies) quantile(q float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	return l[min(len(l)-1, int(q*float64(len(l))))]
}

func (l latencies) String() string {
	ms := func(q float64) float64 { return float64(l.quantile(q).Microseconds()) / 1000 }
	return fmt.Sprintf("%d requests, p50 %.1f ms, p99 %.1f ms, longest %.1f ms", len(l), ms(0.5), ms(0.99), ms(1))
}

// heartbeats has every session send a heartbeat once per interval, and returns
// how long those took. They begin at random moments, and go out when they are due
// also if the one before was late.
func heartbeats(sessions []*session, interval, length time.Duration) (latencies, []string) {
	var mu sync.Mutex
	var all latencies
	var wrong tally
	var beats sync.WaitGroup
	beat := func(s *session) {
		r, err := s.ask(context.Background(), http.MethodPost, s.heartbeat())
		mu.Lock()
		defer mu.Unlock()
		all = append(all, r.took)
		switch {
		case err != nil:
			wrong.add("× "+err.Error(), 1)
		case r.status != http.StatusOK:
			wrong.add("× "+r.refusal().Error(), 1)
		}
	}
	over := time.Now().Add(length)
	for _, s := range sessions {
		beats.Go(func() {
			due := time.NewTimer(rand.N(interval))
			defer due.Stop()
			for at := range due.C {
				if at.After(over) {
					return
				}
				beats.Go(func() { beat(s) })
				due.Reset(interval)
			}
		})
	}
	beats.Wait()
	slices.Sort(all)
	return all, wrong.lines()
}

// heartbeat is the packet by which a client shows that it lives: in EIO=3 a
// ping, in EIO=4 a pong.
func (s *session) heartbeat() string {
	if s.EIO == 3 {
		return encodePayload(3, []string{"2"})
	}
	return "3"
}
