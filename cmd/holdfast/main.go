// Command holdfast is a reverse proxy and load balancer for Socket.IO and other Engine.IO backends. See --help.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	if err := newApp(os.Stdout, os.Stderr).RunContext(context.Background(), spelledOut(os.Args)); err != nil {
		fmt.Fprintln(os.Stderr, "holdfast:", err)
		os.Exit(exitCode(err))
	}
}
