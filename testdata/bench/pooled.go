//go:build linux

package main

import (
	"math"
	"slices"
	"sort"
	"time"
)

// pooled are figures of which all rounds together have one: by how much longer a quantile of the waits is through the
// proxy than straight to a backend. The p99 of a single round says little: one stall of the machine decides it.
type pooled struct {
	quantile float64
	rounds   []polls
}

// polls are the waits of one turn, through the proxy and straight to a backend.
type polls struct{ through, straight waits }

func (p pooled) join(later figures) figures {
	return pooled{p.quantile, append(p.rounds, later.(pooled).rounds...)}
}

// value is in µs.
func (p pooled) value() float64 {
	var through, straight []waits
	for _, r := range p.rounds {
		through, straight = append(through, r.through), append(straight, r.straight)
	}
	return micros(quantile(through, p.quantile) - quantile(straight, p.quantile))
}

// over is the ratio of the two values, and its range when each round is left out in turn.
func (p pooled) over(other figures) (ratio, bool) {
	o := other.(pooled)
	all, ok := values{p.value()}.by(values{o.value()})
	if !ok {
		return ratio{}, false
	}
	each, ok := p.leaveOneOut().by(o.leaveOneOut())
	if !ok {
		return ratio{}, false
	}
	return ratio{value: all[0], low: slices.Min(each), high: slices.Max(each)}, true
}

// leaveOneOut returns what the value is without each of the rounds. A single one stays.
func (p pooled) leaveOneOut() (without values) {
	if len(p.rounds) == 1 {
		return values{p.value()}
	}
	for i := range p.rounds {
		rest := slices.Concat(p.rounds[:i], p.rounds[i+1:])
		without = append(without, pooled{p.quantile, rest}.value())
	}
	return without
}

// waits are sorted, in steps; half the memory of durations, of which a long run would keep some 200 MB.
type waits []uint32

// step is the unit of waits. The longest that fits is 42 s; what is longer counts as that.
const step = 10 * time.Nanosecond

func newWaits(sorted []time.Duration) waits {
	w := make(waits, len(sorted))
	for i, d := range sorted {
		w[i] = uint32(min(d/step, math.MaxUint32))
	}
	return w
}

// upTo counts the waits that are not longer than limit, which is not the longest possible.
func (w waits) upTo(limit uint32) int {
	n, _ := slices.BinarySearch(w, limit+1)
	return n
}

// quantile returns the wait that a share q of all did not exceed; zero if there are none.
func quantile(all []waits, q float64) time.Duration {
	count, longest := 0, uint32(0)
	for _, w := range all {
		if count += len(w); len(w) > 0 {
			longest = max(longest, w[len(w)-1])
		}
	}
	rank := min(int(q*float64(count)), count-1)
	steps := sort.Search(int(longest), func(limit int) bool {
		within := 0
		for _, w := range all {
			within += w.upTo(uint32(limit))
		}
		return within > rank
	})
	return time.Duration(steps) * step
}
