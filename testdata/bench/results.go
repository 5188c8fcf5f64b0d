//go:build linux

package main

import "slices"

// results are the values of all rounds, by row and contestant.
type results map[string]*outcome

type outcome struct {
	row
	values map[string][]float64 // by contestant's name, one a round
}

func (r results) add(of row, contestant string, value float64) {
	if r[of.name] == nil {
		r[of.name] = &outcome{row: of, values: map[string][]float64{}}
	}
	o := r[of.name]
	o.values[contestant] = append(o.values[contestant], value)
}

// median of at least one value; of an even number the mean of the two in the middle.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// best returns which of the named has the lowest median; ok is false if none was measured.
func (o *outcome) best(names []string) (name string, ok bool) {
	for _, n := range names {
		if len(o.values[n]) > 0 && (!ok || median(o.values[n]) < median(o.values[name])) {
			name, ok = n, true
		}
	}
	return name, ok
}

// ratios returns what one contestant had, over what another had in the same round; ok is false where a ratio would say
// nothing, because the other had nothing or less.
func (o *outcome) ratios(one, other string) (ratios []float64, ok bool) {
	for i, v := range o.values[one] {
		if i >= len(o.values[other]) || o.values[other][i] <= 0 {
			return nil, false
		}
		ratios = append(ratios, v/o.values[other][i])
	}
	return ratios, len(ratios) > 0
}
