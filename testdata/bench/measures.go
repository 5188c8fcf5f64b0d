//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/holdfast-proxy/holdfast/testdata/bench/contestant"
	"github.com/holdfast-proxy/holdfast/testdata/bench/load"
)

// row is a line of the table. Less is better in all of them.
type row struct {
	name string
	goal string // of this project, in words; "" where there is none
}

// measure is one way to look at a contestant; a turn yields figures for each of its rows.
type measure struct {
	rows  []row
	fresh bool // it needs a process that has done nothing yet
	tls   bool
	take  func(b *bench, of *contestant.Running, all []*contestant.Running) ([]figures, error)
}

const (
	clients = 64 // connections of polls and messages
	streams = 8  // connections of large messages and of cycles
	echoes  = 2  // messages that a proxy carries when one comes back
)

const perCPU, perMessage = "≤ 1.0 ×, aim 0.85", "≤ 0.95 ×, aim 0.85"

// measures returns all of them, in the table's order.
func measures() []measure {
	const frame = 64 << 10
	return []measure{
		cpu(row{"CPU µs per poll, 1,000/s", perCPU}, load.Poll, clients, 1000, 1),
		cpu(row{"CPU µs per poll, saturated", perCPU}, load.Poll, clients, 0, 1),
		cpu(row{"CPU µs per POST, 1,000/s", perCPU}, load.Post, clients, 1000, 1),
		cpu(row{"CPU µs per POST, saturated", perCPU}, load.Post, clients, 0, 1),
		cpu(row{"CPU µs per message, 64 B, 1,000/s", perMessage}, load.Message(64), clients, 1000/echoes, echoes),
		cpu(row{"CPU µs per message, 64 B, closed loop", perMessage}, load.Message(64), clients, 0, echoes),
		cpu(row{"CPU µs per MB, 64 KiB frames", "≤ 0.5 ×, aim 0.25"}, load.Message(frame), streams, 0, echoes*frame/1e6),
		cycles(row{"CPU µs per connect–upgrade–echo–close", "≤ 1.1 ×, aim 0.9"}),
		latency(row{"p50 added at 30 % load, µs", ""}, row{"p99 added at 30 % load, µs", "≤ 1.0 ×, aim 0.8"}),
		atRest(row{"MiB at rest", ""}),
		memory(row{"KiB per idle tunnel", "≤ 2.0 KB, aim 1.0 KB"}, 5000, load.Tunnel, false),
		memory(row{"KiB per waiting poll", "≤ 4.5 KB, aim 1.0 KB"}, 3000, load.WaitingPoll, true),
		memory(row{"KiB per idle keep-alive client", "≤ 7 KB, aim 1.2 KB"}, 5000, load.KeepAlive, false),
		memory(row{"KiB per silent connection", ""}, 5000, nil, false),
	}
}

// through returns the same measure through TLS, if asked to. The goals for memory are for plain connections.
func (m measure) through(tls bool) measure {
	if m.tls = tls; !tls {
		return m
	}
	rows := make([]row, len(m.rows))
	for i, r := range m.rows {
		if rows[i] = (row{name: r.name + suffix(tls), goal: r.goal}); m.fresh {
			rows[i].goal = ""
		}
	}
	m.rows = rows
	return m
}

func suffix(tls bool) string {
	if tls {
		return " · TLS"
	}
	return ""
}

// cpu is the CPU time of one unit of work, of which every exchange is so many. rate is of exchanges, a second; 0: as
// fast as all lanes go.
func cpu(r row, kind load.Kind, lanes int, rate, units float64) measure {
	take := func(b *bench, of *contestant.Running, _ []*contestant.Running) ([]figures, error) {
		res, err := b.drive(of, kind, lanes, load.Plan{Rate: rate, Warm: b.warm, Window: b.window}, of.CPU)
		if err != nil || res.Count == 0 {
			return nil, noneOr(err)
		}
		return single(micros(res.CPU) / (float64(res.Count) * units)), nil
	}
	return measure{rows: []row{r}, take: take}
}

// single is what a turn yields that has one row, and there one value.
func single(value float64) []figures { return []figures{values{value}} }

func noneOr(err error) error {
	if err == nil {
		err = fmt.Errorf("nothing was answered")
	}
	return err
}

func (b *bench) drive(of *contestant.Running, kind load.Kind, n int, plan load.Plan, clock load.Clock) (load.Result, error) {
	lanes, err := load.Open(of.Target, of.Pins, n, kind)
	if err != nil {
		return load.Result{}, err
	}
	defer lanes.Close()
	return lanes.Run(plan, clock)
}

// cycles is the CPU time of a connection from its first to its last byte.
func cycles(r row) measure {
	take := func(b *bench, of *contestant.Running, _ []*contestant.Running) ([]figures, error) {
		opener, err := load.NewOpener(of.Target, of.Pins)
		if err != nil {
			return nil, err
		}
		defer opener.Close()
		sessions, err := opener.OpenAll(streams)
		if err != nil {
			return nil, err
		}
		if err := load.Cycles(of.Target, sessions, 2); err != nil {
			return nil, err
		}
		time.Sleep(afterwards)
		from, err := of.CPU()
		if err != nil {
			return nil, err
		}
		if err := load.Cycles(of.Target, sessions, b.cycles); err != nil {
			return nil, err
		}
		time.Sleep(afterwards)
		to, err := of.CPU()
		return single(micros(to-from) / float64(b.cycles*len(sessions))), err
	}
	return measure{rows: []row{r}, take: take}
}

// afterwards is what a proxy gets to do what is left to do when its client has gone.
const afterwards = 50 * time.Millisecond

// atRest is the memory of a contestant that has served a few requests.
func atRest(r row) measure {
	take := func(_ *bench, of *contestant.Running, _ []*contestant.Running) ([]figures, error) {
		bytes, err := of.Memory()
		return single(float64(bytes) / (1 << 20)), err
	}
	return measure{rows: []row{r}, fresh: true, take: take}
}

// memory is what n idle connections add to a contestant's resident memory, for each of them. waits says that each is a
// poll that must wait at a backend meanwhile.
func memory(r row, n int, way load.Idleness, waits bool) measure {
	take := func(b *bench, of *contestant.Running, _ []*contestant.Running) ([]figures, error) {
		n := min(int(float64(n)*b.crowd), b.place.Files/4)
		before, err := of.Memory()
		if err != nil {
			return nil, err
		}
		crowd, err := load.Gather(of.Target, of.Pins, n, way)
		if err != nil {
			return nil, err
		}
		defer crowd.Close()
		time.Sleep(b.settle)
		if at, err := b.waiting(); err != nil || waits && at != n {
			return nil, fmt.Errorf("%d polls wait at the backends, not %d: %v", at, n, err)
		}
		after, err := of.Memory()
		return single(float64(after-before) / 1024 / float64(n)), err
	}
	return measure{rows: []row{r}, fresh: true, take: take}
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }
