//go:build linux

package main

import (
	"math"
	"slices"
	"sort"
	"time"
)

// straight are the waits of polls straight to a backend, by round. They are measured in each contestant's turn, and the
// same for all: what is subtracted from one's quantile is subtracted from everybody's.
type straight map[int][]waits

// turn adds the waits of a turn straight to a backend, and returns the figures of those through the proxy: for the p50
// and the p99.
func (s straight) turn(round int, direct, through waits) []figures {
	s[round] = append(s[round], direct)
	return []figures{pooled{0.50, []waits{through}, s}, pooled{0.99, []waits{through}, s}}
}

// pooled are figures of which all rounds together have one: by how much longer a quantile of the waits is through the
// proxy than straight to a backend. The p99 of a single round says little: one stall of the machine decides it.
type pooled struct {
	quantile float64
	through  []waits  // one a round
	straight straight // shared by all contestants
}

func (p pooled) join(later figures) figures {
	return pooled{p.quantile, append(p.through, later.(pooled).through...), p.straight}
}

// value is in µs.
func (p pooled) value() float64 { return p.without(-1) }

// without is the value of all rounds but one, which -1 is not.
func (p pooled) without(round int) float64 {
	var through, direct []waits
	for i, w := range p.through {
		if i != round {
			through, direct = append(through, w), append(direct, p.straight[i]...)
		}
	}
	return micros(quantile(through, p.quantile) - quantile(direct, p.quantile))
}

// over is the ratio of the two values, and its range when each round is left out in turn.
func (p pooled) over(other figures) (ratio, bool) {
	o := other.(pooled)
	each, ok := p.leaveOneOut().by(o.leaveOneOut())
	ours, theirs := p.value(), o.value()
	if !ok || ours <= 0 || theirs <= 0 {
		return ratio{}, false
	}
	return ratio{value: ours / theirs, low: slices.Min(each), high: slices.Max(each)}, true
}

// leaveOneOut returns what the value is without each of the rounds. A single one stays.
func (p pooled) leaveOneOut() (each values) {
	if len(p.through) == 1 {
		return values{p.value()}
	}
	for round := range p.through {
		each = append(each, p.without(round))
	}
	return each
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

// with returns the waits of both.
func (w waits) with(more waits) waits {
	all := append(w, more...)
	slices.Sort(all)
	return all
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
