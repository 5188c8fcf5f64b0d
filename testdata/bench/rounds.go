//go:build linux

package main

import (
	"fmt"

	"github.com/holdfast-proxy/holdfast/testdata/bench/contestant"
)

// all measures everything, in plain and through TLS.
func (b *bench) all() error {
	for _, tls := range []bool{false, true} {
		if tls && !b.tls {
			break
		}
		busy, idle := b.chosen(tls)
		if err := b.together(busy, tls); err != nil {
			return err
		}
		if err := b.alone(idle, tls); err != nil {
			return err
		}
	}
	return nil
}

// chosen returns the measures of which a row is wanted: those that are taken of contestants that run side by side, and
// those that need a process fresh from its start.
func (b *bench) chosen(tls bool) (busy, idle []measure) {
	for _, m := range measures() {
		switch m = m.through(tls); {
		case !b.wants(m):
		case m.fresh:
			idle = append(idle, m)
		default:
			busy = append(busy, m)
		}
	}
	return busy, idle
}

func (b *bench) wants(m measure) bool {
	for _, r := range m.rows {
		if b.only.MatchString(r.name) {
			return true
		}
	}
	return false
}

// together starts all contestants and lets them take turns: in each round, each measure is taken of each, beginning
// with another one every time.
func (b *bench) together(all []measure, tls bool) error {
	if len(all) == 0 {
		return nil
	}
	var running []*contestant.Running
	defer func() {
		for _, r := range running {
			r.Stop()
		}
	}()
	for _, c := range b.contestants {
		r, err := b.start(c, tls)
		if err != nil {
			return err
		}
		running = append(running, r)
	}
	for b.round = range b.rounds {
		for i, m := range all {
			progress("round %d of %d: %s", b.round+1, b.rounds, m.rows[0].name)
			for turn := range running {
				if err := b.take(m, running[(turn+b.round+i)%len(running)], running); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// alone takes each measure of each contestant in a process of its own.
func (b *bench) alone(all []measure, tls bool) error {
	for b.round = range b.rounds {
		for _, m := range all {
			progress("round %d of %d: %s", b.round+1, b.rounds, m.rows[0].name)
			for _, c := range b.contestants {
				if err := b.takeAlone(m, c, tls); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *bench) takeAlone(m measure, c contestant.Contestant, tls bool) error {
	r, err := b.start(c, tls)
	if err != nil {
		return err
	}
	defer r.Stop()
	return b.take(m, r, nil)
}

// take takes one measure of one contestant. all are those that run.
func (b *bench) take(m measure, of *contestant.Running, all []*contestant.Running) error {
	if b.ctx.Err() != nil {
		return errInterrupted
	}
	turn, err := m.take(b, of, all)
	if err != nil {
		return fmt.Errorf("the run is void: %s, %s: %w", m.rows[0].name, of.Name, err)
	}
	for i, r := range m.rows {
		b.results.add(r, of.Name, turn[i])
	}
	return nil
}
