package main

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/cmd/holdfast/internal/handover"
	"github.com/holdfast-proxy/holdfast/routing"
)

// BenchmarkHandover measures how long it takes to hand a million sessions over, from the first word to the last that the
// successor must have heard.
func BenchmarkHandover(b *testing.B) {
	const sessions = 1_000_000
	path := filepath.Join(b.TempDir(), "door")
	old := benchHoldfast(b, path)
	backend := old.pool.Snapshot().Backends()[0]
	for i := range sessions {
		old.options.router.Sessions.Learn(fmt.Sprintf("%020d", i*7919), backend, time.Hour, routing.ByHandshake)
	}
	door, err := handover.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer door.Close()
	for b.Loop() {
		given := make(chan error, 1)
		go func() {
			c, err := door.Accept()
			if err == nil {
				err = old.giveAll(&successor{Conn: c}, &entrances{door: door})
			}
			given <- err
		}()
		p, err := benchHoldfast(b, path).takeOver(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := <-given; err != nil {
			b.Fatal(err)
		}
		if p.sessions < sessions*95/100 { // some parts of a table are full a little before the whole
			b.Fatalf("%d sessions taken over, want %d", p.sessions, sessions)
		}
		p.Close()
	}
}

func benchHoldfast(b *testing.B, path string) *holdfast {
	b.Helper()
	o := options{handover: path, checks: "off", backends: []routing.BackendConfig{{URL: "http://127.0.0.1:1"}}}
	h, err := build(o, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		b.Fatal(err)
	}
	return h
}
