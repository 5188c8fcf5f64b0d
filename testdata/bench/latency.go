//go:build linux

package main

import (
	"time"

	"github.com/holdfast-proxy/holdfast/testdata/bench/contestant"
	"github.com/holdfast-proxy/holdfast/testdata/bench/load"
)

// latency is by how much longer polls take than straight to a backend, when they come at 30 % of the rate at which the
// fastest peer is saturated. Both are measured in each turn, several times in alternation: how the kernel shares the
// processors out differs from one load to the next, and then stays as it is for a while.
func latency(p50, p99 row) measure {
	direct := straight{} // at one rate: measures makes another one for TLS
	take := func(b *bench, of *contestant.Running, all []*contestant.Running) ([]figures, error) {
		rate, err := b.rate(of.Target.TLS != nil, all)
		if err != nil {
			return nil, err
		}
		plan := load.Plan{Rate: rate, Warm: b.warm, Window: b.window}
		poll := func(of *contestant.Running, took *waits) func() error {
			return func() error {
				res, err := b.drive(of, load.Poll, clients, plan, free)
				*took = took.with(newWaits(res.Waits))
				return err
			}
		}
		var without, with waits
		for i := range b.loads {
			if err := alternate(b.round+i, poll(b.direct(), &without), poll(of, &with)); err != nil {
				return nil, err
			}
		}
		return direct.turn(b.round, without, with), nil
	}
	return measure{rows: []row{p50, p99}, take: take}
}

// alternate does both, the second one first every other time, so that a drift does not always favour the same.
func alternate(time int, first, second func() error) error {
	if time%2 == 1 {
		first, second = second, first
	}
	if err := first(); err != nil {
		return err
	}
	return second()
}

// rate returns what 30 % load is, after saturating the peers (without any, the contestants) once.
func (b *bench) rate(tls bool, all []*contestant.Running) (float64, error) {
	if b.rates[tls] > 0 {
		return b.rates[tls], nil
	}
	plan := load.Plan{Warm: b.warm, Window: b.window}
	best := map[bool]float64{} // by whether it is a peer's
	for _, r := range all {
		res, err := b.drive(r, load.Poll, clients, plan, free)
		if err != nil {
			return 0, err
		}
		best[r.Peer] = max(best[r.Peer], float64(res.Count)/res.Window.Seconds())
	}
	if best[true] == 0 {
		best[true] = best[false]
	}
	b.rates[tls] = 0.3 * best[true]
	return b.rates[tls], nil
}

// free is the clock of what costs nothing.
func free() (time.Duration, error) { return 0, nil }
