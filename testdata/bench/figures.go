//go:build linux

package main

import "slices"

// figures are what one contestant's turns have yielded for a row, at least one of them, in the order of the rounds.
type figures interface {
	// join returns these and those of later rounds, of the same kind.
	join(later figures) figures
	// value is what all rounds come to.
	value() float64
	// over compares with the figures of another contestant, of the same kind; ok is false where a ratio would say nothing,
	// because one of them had nothing or less.
	over(other figures) (r ratio, ok bool)
}

// ratio is what one contestant had over what another had, and how far that depends on the round.
type ratio struct{ value, low, high float64 }

// values are figures of which each round has one.
type values []float64

func (v values) join(later figures) figures { return append(v, later.(values)...) }

// value is the rounds' median; of an even number the mean of the two in the middle.
func (v values) value() float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// over is the median and the range of the ratios within each round.
func (v values) over(other figures) (ratio, bool) {
	each, ok := v.by(other.(values))
	if !ok {
		return ratio{}, false
	}
	return ratio{value: each.value(), low: slices.Min(each), high: slices.Max(each)}, true
}

// by divides each value by the other's of the same place; ok is false if one has no partner above zero.
func (v values) by(other values) (quotients values, ok bool) {
	if len(v) != len(other) || slices.Min(other) <= 0 {
		return nil, false
	}
	for i := range v {
		quotients = append(quotients, v[i]/other[i])
	}
	return quotients, true
}
