//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// writeReport writes what the run was and its table, as Markdown. All that the run has started must have ended.
func writeReport(w io.Writer, b *bench) {
	fmt.Fprintf(w, "%s\n", describeMachine())
	fmt.Fprintf(w, "%d rounds of %v per row and proxy: median and range; for added latency, all rounds "+
		"together, and the range without each of them. ", b.rounds, b.window)
	for _, tls := range []bool{false, true} {
		if rate := b.rates[tls]; rate > 0 {
			fmt.Fprintf(w, "30 %% load%s is %.0f polls a second. ", suffix(tls), rate)
		}
	}
	fmt.Fprintf(w, "Others used %.0f %% of the machine's CPU time meanwhile.\n", 100*usageNow().foreignSince(b.began))
	if b.quick {
		fmt.Fprintf(w, "\n**A quick run: it shows that everything works. The figures mean nothing.**\n")
	}
	fmt.Fprintln(w)
	writeTable(w, b)
}

func writeTable(w io.Writer, b *bench) {
	var ours, peers []string
	for _, c := range b.contestants {
		if c.Peer {
			peers = append(peers, c.Name)
		} else {
			ours = append(ours, c.Name)
		}
	}
	columns := append(slices.Clone(ours), peers...)
	for _, name := range ours {
		columns = append(columns, name+" ÷ better peer")
	}
	writeLine(w, append(append([]string{""}, columns...), "goal"))
	writeLine(w, slices.Repeat([]string{"---"}, len(columns)+2))
	for _, tls := range []bool{false, true} {
		for _, m := range measures() {
			for _, r := range m.through(tls).rows {
				if o := b.results[r.name]; o != nil {
					writeLine(w, o.line(ours, peers))
				}
			}
		}
	}
}

// line is a row's cells: its name, everybody's value, our ratios to the better peer, and the goal.
func (o *outcome) line(ours, peers []string) []string {
	cells := []string{o.name}
	for _, name := range append(slices.Clone(ours), peers...) {
		cells = append(cells, number(o.figures[name].value()))
	}
	for _, name := range ours {
		cells = append(cells, o.compare(name, peers))
	}
	return append(cells, o.goal)
}

// compare is the cell with one contestant's ratio to the best of the peers; a dash where there is none.
func (o *outcome) compare(name string, peers []string) string {
	best, ok := o.best(peers)
	if !ok {
		return "–"
	}
	r, ok := o.figures[name].over(o.figures[best])
	if !ok {
		return "–"
	}
	return fmt.Sprintf("**%.2f** (%.2f–%.2f) of %s", r.value, r.low, r.high, best)
}

// number has three digits that count, and no more behind the point than help.
func number(v float64) string {
	switch size := math.Abs(v); {
	case size >= 100:
		return fmt.Sprintf("%.0f", v)
	case size >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func writeLine(w io.Writer, cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
