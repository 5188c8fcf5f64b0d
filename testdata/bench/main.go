//go:build linux

// Bench measures holdfast side by side with nginx and HAProxy, as far as they are installed: CPU time per poll, POST,
// WebSocket message and connection, memory per idle connection, added latency, in plain and through TLS. All take turns
// in one run; a wrong or misrouted answer voids it. Everything stays on 127.0.0.1 and ends with the program.
//
//	go run ./testdata/bench          # from the project's root: an hour, then a Markdown table
//	go run ./testdata/bench -quick   # some 20 s: shows that everything works, the figures mean nothing
//
// docs/benchmarks.md says what the rows mean.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/holdfast-proxy/holdfast/testdata/bench/process"
	"github.com/holdfast-proxy/holdfast/testdata/bench/stub"
)

// stubArg runs this program as a backend.
const stubArg = "stub"

// The load is made in the main thread, which waits in the kernel where the runtime does not see it.
func init() { runtime.LockOSThread() }

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && args[0] == process.GuardArg {
		process.Guard()
	}
	if len(args) == 2 && args[0] == stubArg {
		return stub.Serve(args[1], func(port int) { fmt.Println(port) })
	}
	o, err := readOptions(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.all(); err != nil {
		return err
	}
	b.close()
	writeReport(os.Stdout, b)
	return nil
}
