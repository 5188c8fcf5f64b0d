//go:build linux

package main

import (
	"flag"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// options say what to measure, and for how long.
type options struct {
	quick   bool
	rounds  int
	only    *regexp.Regexp // rows whose names match
	tls     bool           // also through TLS
	workers []int          // of the peers
	binary  string         // of holdfast; "" builds it
	also    []binary       // to compare with in the same run
	dose
}

// binary is another holdfast.
type binary struct{ name, path string }

// dose is how much of everything is asked of each contestant at a time.
type dose struct {
	window time.Duration // of load that counts, per measure, contestant and round
	warm   time.Duration // of the same load before
	settle time.Duration // between the last idle connection and the look at the memory
	loads  int           // of that window in a turn of added latency, of each kind
	crowd  float64       // share of the full numbers of idle connections
	cycles int           // per session
}

func readOptions(args []string) (options, error) {
	o := options{only: regexp.MustCompile("")}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.BoolVar(&o.quick, "quick", false, "see in some 20 s that everything works; the figures mean nothing")
	set.IntVar(&o.rounds, "rounds", 5, "`N` rounds; the table has their median and range")
	set.DurationVar(&o.window, "window", 2*time.Second, "`TIME` of load per row, contestant and round")
	set.StringVar(&o.binary, "holdfast", "", "`PATH` of the holdfast to measure; built from this module if empty")
	set.BoolVar(&o.tls, "tls", true, "measure everything through TLS as well")
	workers := set.String("workers", "1,2", "`LIST` of how many workers or threads the peers get")
	set.Func("only", "measure only rows whose name matches `REGEXP`", func(s string) (err error) {
		o.only, err = regexp.Compile(s)
		return err
	})
	set.Func("also", "`NAME=PATH` of another holdfast to measure in the same run; repeatable", func(s string) error {
		name, path, ok := strings.Cut(s, "=")
		if !ok || name == "" || path == "" {
			return fmt.Errorf("want NAME=PATH")
		}
		o.also = append(o.also, binary{name, path})
		return nil
	})
	if err := set.Parse(args); err != nil {
		return o, err
	}
	o.dose = dose{window: o.window, warm: 300 * time.Millisecond, settle: 2 * time.Second, loads: 6, crowd: 1, cycles: 500}
	if o.quick {
		o.rounds, *workers = 1, "1"
		o.dose = dose{window: 80 * time.Millisecond, warm: 20 * time.Millisecond, settle: 50 * time.Millisecond,
			loads: 2, crowd: 0.02, cycles: 5}
	}
	if o.rounds < 1 {
		return o, fmt.Errorf("-rounds %d: want at least 1", o.rounds)
	}
	var err error
	o.workers, err = readWorkers(*workers)
	return o, err
}

func readWorkers(list string) (numbers []int, err error) {
	for _, word := range strings.Split(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-workers %q: want numbers from 1 up, with commas", list)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
