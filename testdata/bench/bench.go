//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/holdfast-proxy/holdfast/testdata/bench/client"
	"github.com/holdfast-proxy/holdfast/testdata/bench/contestant"
	"github.com/holdfast-proxy/holdfast/testdata/bench/process"
)

// backends is how many stubs there are.
const backends = 3

// bench is one run.
type bench struct {
	options
	ctx         context.Context
	dir         string // of everything that is written; removed by close
	group       *process.Group
	place       contestant.Place
	certificate *contestant.Certificate
	contestants []contestant.Contestant
	results     results
	rates       map[bool]float64 // that are 30 % load, by whether it is through TLS
	round       int              // that is under way, from 0
	starts      int
	began       usage
}

// newBench starts the stubs, and builds holdfast unless there is one. Close what it returns.
func newBench(ctx context.Context, o options) (b *bench, err error) {
	b = &bench{options: o, ctx: ctx, results: results{}, rates: map[bool]float64{}, began: usageNow()}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.place.Files, err = process.RaiseFiles(); err != nil {
		return b, err
	}
	if b.dir, err = os.MkdirTemp("", "holdfast-bench-"); err != nil {
		return b, err
	}
	if err := os.Chmod(b.dir, 0o755); err != nil { // nginx's workers are another user's
		return b, err
	}
	if b.certificate, err = contestant.NewCertificate(b.dir); err != nil {
		return b, err
	}
	if b.group, err = process.NewGroup(); err != nil {
		return b, err
	}
	if err := b.assemble(); err != nil {
		return b, err
	}
	for i := range backends {
		if err := b.startStub(i); err != nil {
			return b, err
		}
	}
	return b, nil
}

// close ends all that the run has started. It may be called again.
func (b *bench) close() {
	if b.group != nil {
		b.group.Close()
		b.group = nil
	}
	if b.dir != "" {
		os.RemoveAll(b.dir)
	}
}

// assemble lists who takes part.
func (b *bench) assemble() error {
	if b.binary == "" {
		b.binary = filepath.Join(b.dir, "holdfast")
		progress("building holdfast")
		if err := contestant.Build(b.binary); err != nil {
			return err
		}
	}
	b.contestants = []contestant.Contestant{contestant.Holdfast("holdfast", b.binary)}
	for _, other := range b.also {
		b.contestants = append(b.contestants, contestant.Holdfast(other.name, other.path))
	}
	b.assemblePeers("nginx", contestant.NGINX)
	b.assemblePeers("haproxy", contestant.HAProxy)
	return nil
}

func (b *bench) assemblePeers(program string, setUp func(path string, workers int) contestant.Contestant) {
	path, ok := contestant.Find(program)
	if !ok {
		progress("%s is not installed: measured without it (Debian: apt-get install %s)", program, program)
		return
	}
	for _, n := range b.workers {
		b.contestants = append(b.contestants, setUp(path, n))
	}
}

// startStub starts a backend. It gets one thread, which the runtime need not interrupt, since nothing else runs there.
func (b *bench) startStub(i int) error {
	env := []string{"GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMEMLIMIT=256MiB"}
	p, err := b.group.Start("stub", env, "/proc/self/exe", stubArg, fmt.Sprintf("web-%d", i+1))
	if err != nil {
		return err
	}
	return p.Await(func() error {
		port, err := strconv.Atoi(strings.TrimSpace(p.Said()))
		if err == nil {
			b.place.Backends = append(b.place.Backends, port)
		}
		return err
	})
}

// start starts a contestant in a place of its own.
func (b *bench) start(c contestant.Contestant, tls bool) (*contestant.Running, error) {
	b.starts++
	at := b.place
	at.Dir = filepath.Join(b.dir, strconv.Itoa(b.starts))
	if tls {
		at.TLS = b.certificate
	}
	return c.Start(b.group, at)
}

// direct is a stub without a proxy before it.
func (b *bench) direct() *contestant.Running {
	return &contestant.Running{
		Contestant: contestant.Contestant{Name: "direct"},
		Target:     client.Target{Port: b.place.Backends[0]},
	}
}

// waiting counts the polls that wait at all backends.
func (b *bench) waiting() (sum int, err error) {
	for _, port := range b.place.Backends {
		c, err := client.Dial(client.Target{Port: port})
		if err != nil {
			return 0, err
		}
		n, err := c.Waiting()
		c.Close()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

var errInterrupted = errors.New("interrupted")
