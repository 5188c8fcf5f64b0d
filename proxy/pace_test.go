package proxy

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	start := time.Unix(1, 0)
	for name, c := range map[string]struct {
		rate  float64
		ticks []time.Duration // between one look and the next
		want  int             // in all
	}{
		"50 a second, looked at on time":            {50, times(100, 50*time.Millisecond), 254},
		"one a second":                              {1, times(100, 50*time.Millisecond), 5},
		"5,000 a second":                            {5000, times(20, 50*time.Millisecond), 5500},
		"a late look makes up for a tenth a second": {50, []time.Duration{time.Minute}, 10},
		"many looks make no more":                   {50, times(1000, time.Millisecond), 54},
	} {
		t.Run(name, func(t *testing.T) {
			p, now, total := pace{rate: c.rate}, start, 0
			look := func() {
				p.pass(now)
				total += p.allowed()
				p.spend(p.allowed())
			}
			look() // what was saved up before
			for _, d := range c.ticks {
				now = now.Add(d)
				look()
			}
			if total < c.want-1 || total > c.want+1 {
				t.Errorf("%d, want %d", total, c.want)
			}
		})
	}
}

func times(n int, d time.Duration) (list []time.Duration) {
	for range n {
		list = append(list, d)
	}
	return list
}
