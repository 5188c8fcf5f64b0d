// Command demo shows holdfast at work: three Socket.IO servers, holdfast in
// front of them, and a page with a real client that tells where it is.
//
//	go run -C examples/demo .
//
// Then open http://localhost:8080.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// options are the command's flags, and where its output goes.
type options struct {
	listen string    // where holdfast listens, HOST:PORT
	noNode bool      // run the servers in Go even if Node is there
	dir    string    // the demo's own directory; "" is the working directory
	out    io.Writer // what a person reads
	logger *slog.Logger
}

func main() {
	o := options{out: os.Stdout, logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	flag.StringVar(&o.listen, "listen", "localhost:8080", "`HOST:PORT` where holdfast listens and the page is found")
	flag.BoolVar(&o.noNode, "no-node", false, "run the three servers in Go, as on a machine without Node")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
