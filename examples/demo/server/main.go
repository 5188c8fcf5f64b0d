// Command server is one Socket.IO 4 server in Go. The demo runs three of them
// where Node is missing, and holdfast's end-to-end tests run it as a backend
// that is not JavaScript. It speaks the event protocol of testdata/socketio.
//
//	go run -C examples/demo ./server -id go-1 -port 0
//
// It prints one JSON line with its port and process id once it listens. If its
// standard input is a pipe, it ends when that is closed, so that it does not
// outlive whoever started it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"
)

// options are the command's flags.
type options struct {
	id           string
	port         int
	control      string
	pingInterval int
	allowEIO3    bool
}

func main() {
	var o options
	flag.StringVar(&o.id, "id", "go", "`NAME` by which the server introduces itself")
	flag.IntVar(&o.port, "port", 0, "TCP `PORT` on 127.0.0.1; 0 takes a free one")
	flag.StringVar(&o.control, "control", "", "`URL` of the demo's control API, handed on to the page")
	flag.IntVar(&o.pingInterval, "ping-interval", 25_000, "`MILLISECONDS` between two heartbeats")
	flag.BoolVar(&o.allowEIO3, "allow-eio3", false, "let clients of Socket.IO 2 in")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// run serves until standard input ends, or for ever.
func run(o options) error {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.port))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newHandler(o), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()

	port := listener.Addr().(*net.TCPAddr).Port
	err = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"event": "listening", "id": o.id, "port": port, "pid": os.Getpid(),
	})
	if err != nil {
		return err
	}
	select {
	case err = <-failed:
		return err
	case <-parentGone():
		return nil
	}
}

// parentGone returns a channel that is closed at the end of standard input. It
// never is where standard input is not a pipe, as in a shell or a service.
func parentGone() <-chan struct{} {
	stat, err := os.Stdin.Stat()
	if err != nil || stat.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return nil
	}
	signal.Ignore(os.Interrupt) // a Ctrl-C meant for the demo, which ends its servers last
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	return gone
}
