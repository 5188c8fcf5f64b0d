package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// stopTimeout is how long holdfast may take to say goodbye to its clients when
// the demo ends.
const stopTimeout = 2 * time.Second

// run prepares the servers, puts holdfast and the controls in place, and takes
// all of it down again, clients first, when ctx ends.
func run(ctx context.Context, o options) error {
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("-listen %s: %w", o.listen, err)
	}
	defer listener.Close()
	server, cleanup, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	defer cleanup()

	controlListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer controlListener.Close()
	control := "http://" + controlListener.Addr().String()
	stage, err := newStage(ctx, listener, server, control, o)
	if err != nil {
		return err
	}
	defer stage.stop()
	origins := pageOrigins(o.listen, listener.Addr())
	fmt.Fprintf(o.out, "\nOpen %s\n\nholdfast is in front of three Socket.IO servers, a, b and c. Ctrl-C ends it all.\n\n", origins[0])
	controls := &controls{stage: stage, origins: origins}
	return serve(ctx, controlListener, controls.handler())
}

// serve answers the control API until ctx ends, and returns after its last
// request has.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends the event streams
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	<-failed
	return nil
}

// pageOrigins are the names under which a browser on this machine finds the
// page, the one to tell a person first.
func pageOrigins(listen string, addr net.Addr) []string {
	port := fmt.Sprint(addr.(*net.TCPAddr).Port)
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" && !net.ParseIP(host).IsUnspecified() {
		names = append([]string{host}, names...)
	}
	origins := make([]string, len(names))
	for i, name := range names {
		origins[i] = "http://" + net.JoinHostPort(name, port)
	}
	return origins
}
