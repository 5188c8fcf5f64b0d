//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheMedianIgnoresHowFarOffTheExtremesAre(t *testing.T) {
	for name, c := range map[string]struct {
		values values
		want   float64
	}{
		"one value is its own median":                  {values{7}, 7},
		"of an odd number it is the one in the middle": {values{900, 1, 3}, 3},
		"of an even number the mean of two":            {values{1, 900, 4, 2}, 3},
	} {
		if got := c.values.value(); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestTheBetterPeerIsTheOneWithTheLowestValue(t *testing.T) {
	r := results{}
	for _, fast := range []float64{10, 2000, 20} {
		r.add(row{name: "cost"}, "slow", values{1000})
		r.add(row{name: "cost"}, "fast", values{fast})
	}
	if best, ok := r["cost"].best([]string{"slow", "fast", "absent"}); best != "fast" || !ok {
		t.Errorf("got %q, %v", best, ok)
	}
}

func TestALineHasValuesRatioAndGoal(t *testing.T) {
	for name, c := range map[string]struct {
		ours, peer values // one a round
		want       string
	}{
		"a row of values has medians, and ratios between values of the same round": {
			values{12, 9, 10}, values{10, 10, 20},
			"10.0 | 10.0 | **0.90** (0.50–1.20) of peer",
		},
		"a row of values has no ratio if the peer's was not above zero in one round": {
			values{12, 12, 12}, values{10, 10, -3},
			"12.0 | 10.0 | –",
		},
	} {
		r := results{}
		for i := range c.ours {
			r.add(costs, "holdfast", values{c.ours[i]})
			r.add(costs, "peer", values{c.peer[i]})
		}
		checkLine(t, name, r, c.want)
	}
}

func TestALineOfAddedLatencyIsOfAllRoundsTogether(t *testing.T) {
	same := func(n int, p polls) []polls { return slices.Repeat([]polls{p}, n) }
	for name, c := range map[string]struct {
		ours, peer []polls // a turn each
		want       string
	}{
		"a quantile is one of all rounds' polls together, not a median of the rounds' quantiles": {
			[]polls{turn(100, 110, 120, 130, 900), turn(100, 800, 810, 820, 830)}, same(2, turn(100, 200)),
			"710 | 100 | **7.10** (0.30–7.20) of peer",
		},
		"so that a round full of stalls does not decide": {
			append(same(4, turn(100, 300)), turn(100, 20e3)), same(5, turn(100, 200)),
			"200 | 100 | **2.00** (2.00–2.00) of peer",
		},
		"nor does one in which polls took longer without the proxy": {
			same(5, turn(100, 300)), append(same(4, turn(100, 200)), turn(900, 200)),
			"200 | 100 | **2.00** (2.00–2.00) of peer",
		},
		"polls straight to a backend count for everybody, not just for whose turn it was": {
			same(2, turn(100, 300)), same(2, turn(200, 400)),
			"100 | 200 | **0.50** (0.50–0.50) of peer",
		},
		"its ratio's range is what comes out when each round is left out in turn": {
			[]polls{turn(100, 150), turn(100, 200), turn(100, 300)}, same(3, turn(100, 200)),
			"100 | 100 | **1.00** (1.00–2.00) of peer",
		},
		"without that round's polls straight to a backend, too": {
			[]polls{turn(100, 400), turn(200, 400)}, []polls{turn(100, 300), turn(200, 300)},
			"200 | 100 | **2.00** (1.50–2.00) of peer",
		},
		"of a single round the range is the ratio itself": {
			same(1, turn(100, 250)), same(1, turn(100, 200)),
			"150 | 100 | **1.50** (1.50–1.50) of peer",
		},
		"it has no ratio if the peer's is not above zero": {
			same(3, turn(100, 300)), append(same(2, turn(100, 100)), turn(100, 200)),
			"200 | 0.00 | –",
		},
		"nor if ours is not": {
			same(3, turn(100, 100)), same(3, turn(100, 200)),
			"0.00 | 100 | –",
		},
		"nor if the peer's is not without one of the rounds": {
			same(2, turn(100, 300)), []polls{turn(100, 300), turn(100, 100)},
			"200 | 200 | –",
		},
	} {
		r, straight := results{}, straight{}
		for i := range c.ours {
			r.add(costs, "holdfast", straight.turn(i, c.ours[i].direct, c.ours[i].through)[0])
			r.add(costs, "peer", straight.turn(i, c.peer[i].direct, c.peer[i].through)[0])
		}
		checkLine(t, name, r, c.want)
	}
}

var costs = row{name: "cost", goal: "≤ 1.0 ×"}

// checkLine compares the cells between the name of costs and its goal.
func checkLine(t *testing.T, name string, r results, want string) {
	t.Helper()
	got := strings.Join(r["cost"].line([]string{"holdfast"}, []string{"peer"}), " | ")
	if want := "cost | " + want + " | ≤ 1.0 ×"; got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
	}
}

// polls are the waits of one turn.
type polls struct{ direct, through waits }

// turn is a turn of as many polls straight to a backend, each of direct µs, as went through the proxy.
func turn(direct int, through ...int) polls {
	of := func(each []int) waits {
		var all []time.Duration
		for _, µs := range each {
			all = append(all, time.Duration(µs)*time.Microsecond)
		}
		return newWaits(all)
	}
	return polls{direct: of(slices.Repeat([]int{direct}, len(through))), through: of(through)}
}

func TestALineWithoutAPeerToCompareWithHasNoRatio(t *testing.T) {
	o := &outcome{row: row{name: "cost"}, figures: map[string]figures{"holdfast": values{12}}}
	if cells := o.line([]string{"holdfast"}, nil); cells[len(cells)-2] != "–" {
		t.Errorf("got %q", cells)
	}
}

func TestAQuantileIsOfAllWaitsTogether(t *testing.T) {
	hundred := make(waits, 100)
	for i := range hundred {
		hundred[i] = uint32(i + 1)
	}
	for name, c := range map[string]struct {
		all  []waits
		q    float64
		want time.Duration
	}{
		"of a hundred, the p99 is the longest":        {[]waits{hundred}, 0.99, 100 * step},
		"the middle of two parts that do not overlap": {[]waits{{7, 8, 9}, {1, 2}}, 0.50, 7 * step},
		"a part without waits says nothing":           {[]waits{{}, {3}, nil}, 0.50, 3 * step},
		"the whole share is the longest":              {[]waits{{1, 9}, {4}}, 1, 9 * step},
		"without any wait it is zero":                 {[]waits{nil}, 0.50, 0},
		"a wait that does not fit is the longest that does": {
			[]waits{newWaits([]time.Duration{time.Second, time.Hour})}, 0.99, (1<<32 - 1) * step},
	} {
		if got := quantile(c.all, c.q); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
		var one waits
		for _, w := range c.all {
			one = one.with(w)
		}
		if got := quantile([]waits{one}, c.q); got != c.want {
			t.Errorf("%s, in one: got %v, want %v", name, got, c.want)
		}
	}
}

func TestWhatIsMeasuredFirstAlternatesFromRoundToRound(t *testing.T) {
	var order string
	note := func(what string) func() error {
		return func() error { order += what; return nil }
	}
	for round := range 4 {
		if err := alternate(round, note(" straight"), note(" through")); err != nil {
			t.Fatal(err)
		}
	}
	if want := strings.Repeat(" straight through through straight", 2); order != want {
		t.Errorf("got %s, want%s", order, want)
	}
}
