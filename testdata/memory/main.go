// Command memory measures what clients of each kind cost a holdfast process in user-space memory, and prints a table in
// Markdown. It needs Linux, and descriptors for some thousand connections:
//
//	go run ./testdata/memory
//
// For each row it starts a process of its own with default flags, has a few clients of the kind come first, so that what is
// made once is made, and then connects the rest, each of which stays until the process has been measured. What counts is
// the resident set (Rss in /proc/PID/smaps_rollup), in which the sockets' buffers, the kernel's, are not.
package main

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// kind is a way in which clients may stay connected.
type kind struct {
	name  string
	flags []string
	open  func(*bench) // connects one more client of the kind
}

const (
	first = 100  // clients that come before the measuring
	count = 2000 // clients that are measured
)

var kinds = []kind{
	{name: "silent connection", open: (*bench).connect},
	{name: "idle keep-alive connection", open: (*bench).idle},
	{name: "waiting poll", open: (*bench).poll},
	{name: "idle tunnel", open: (*bench).tunnel},
	{name: "slow reader of 200 MB", open: (*bench).slow, flags: []string{"--body-timeout", "10m"}},
	{name: "idle keep-alive connection, TLS", open: (*bench).idleTLS, flags: []string{"--tls-cert", certFile, "--tls-key", keyFile}},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "memory:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "memory")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := prepare(dir); err != nil {
		return err
	}
	fmt.Printf("%s, %d CPUs, %s/%s\n\n", runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	fmt.Printf("| | each of %d | each of the last %d | process before |\n|---|--:|--:|--:|\n", count, count/2)
	for _, k := range kinds {
		if err := measure(dir, k); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

// measure prints the row of one kind.
func measure(dir string, k kind) (err error) {
	b, err := start(dir, k.flags)
	if err != nil {
		return err
	}
	defer b.stop()
	defer func() { // a client that fails ends the row
		if v, ok := recover().(failure); ok {
			err = v.err
		}
	}()
	var sizes []int
	for _, n := range []int{first, count / 2, count / 2} {
		for range n {
			k.open(b)
		}
		sizes = append(sizes, b.settled())
	}
	all, later := each(sizes[2]-sizes[0], count), each(sizes[2]-sizes[1], count/2)
	fmt.Printf("| %s | %s | %s | %.1f MiB |\n", k.name, all, later, float64(sizes[0])/(1<<20))
	return nil
}

func each(bytes, n int) string { return fmt.Sprintf("%.1f KiB", float64(bytes)/float64(n)/(1<<10)) }

// settled returns the resident set once nothing moves any more.
func (b *bench) settled() int {
	const quiet = 5
	last, same := state{}, 0
	for same < quiet {
		time.Sleep(200 * time.Millisecond)
		now := state{rss: b.resident(), moved: b.moved.Load()}
		if same++; now != last {
			last, same = now, 0
		}
	}
	return last.rss
}

type state struct {
	rss   int
	moved int64
}
