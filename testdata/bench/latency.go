//go:build linux

package main

import (
	"time"

	"github.com/holdfast-proxy/holdfast/testdata/bench/contestant"
	"github.com/holdfast-proxy/holdfast/testdata/bench/load"
)

// latency is by how much longer polls take than without a proxy, when they come at 30 % of the rate at which the fastest
// peer is saturated.
func latency(p50, p99 row) measure {
	take := func(b *bench, of *contestant.Running, all []*contestant.Running) ([]float64, error) {
		rate, err := b.rate(of.Target.TLS != nil, all)
		if err != nil {
			return nil, err
		}
		plan := load.Plan{Rate: rate, Warm: b.warm, Window: b.window}
		without, err := b.drive(b.direct(), load.Poll, clients, plan, free)
		if err != nil {
			return nil, err
		}
		with, err := b.drive(of, load.Poll, clients, plan, free)
		if err != nil {
			return nil, err
		}
		added := func(q float64) float64 { return micros(with.Quantile(q) - without.Quantile(q)) }
		return []float64{added(0.50), added(0.99)}, nil
	}
	return measure{rows: []row{p50, p99}, take: take}
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
