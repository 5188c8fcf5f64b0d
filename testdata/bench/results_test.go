//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

func TestTheMedianIgnoresHowFarOffTheExtremesAre(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   float64
	}{
		"one value is its own median":                  {[]float64{7}, 7},
		"of an odd number it is the one in the middle": {[]float64{900, 1, 3}, 3},
		"of an even number the mean of two":            {[]float64{1, 900, 4, 2}, 3},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestARatioComparesValuesOfTheSameRound(t *testing.T) {
	r := results{}
	for i, ours := range []float64{10, 30, 22} {
		r.add(row{name: "cost"}, "holdfast", ours)
		r.add(row{name: "cost"}, "slow", 1000)
		r.add(row{name: "cost"}, "fast", []float64{10, 20, 20}[i])
	}
	best, _ := r["cost"].best([]string{"slow", "fast", "absent"})
	if best != "fast" {
		t.Fatalf("the better peer is %q, want the one with the lower median", best)
	}
	got, ok := r["cost"].ratios("holdfast", best)
	if want := []float64{1, 1.5, 1.1}; !ok || !slices.Equal(got, want) {
		t.Errorf("ratios %v, want %v", got, want)
	}
}

func TestALineHasMediansRatioAndGoal(t *testing.T) {
	o := &outcome{row: row{name: "cost", goal: "≤ 1.0 ×"}, values: map[string][]float64{
		"holdfast": {12, 9, 10}, "peer": {10, 10, 20},
	}}
	got := strings.Join(o.line([]string{"holdfast"}, []string{"peer"}), " | ")
	if want := "cost | 10.0 | 10.0 | **0.90** (0.50–1.20) of peer | ≤ 1.0 ×"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestALineWithoutAPeerToCompareWithHasNoRatio(t *testing.T) {
	for name, peer := range map[string][]float64{
		"no peer was there":                   nil,
		"the peer's figure is not above zero": {-3},
	} {
		o := &outcome{row: row{name: "cost"}, values: map[string][]float64{"holdfast": {12}}}
		peers := []string{}
		if peer != nil {
			o.values["peer"], peers = peer, []string{"peer"}
		}
		if cells := o.line([]string{"holdfast"}, peers); cells[len(cells)-2] != "–" {
			t.Errorf("%s: got %q", name, cells)
		}
	}
}
