package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/holdfast-proxy/holdfast/proxy/admin"
	"github.com/holdfast-proxy/holdfast/routing/discovery"
)

func (o *options) readSources(v *values) {
	seen := map[string]bool{}
	for _, text := range v.list("discover") {
		source, err := discovery.ParseSource(text)
		if err == nil && seen[text] {
			err = errors.New("want each source once")
		}
		if err != nil {
			v.fail(&usageError{fmt.Sprintf("--discover %q: %v", text, err)})
			return
		}
		seen[text] = true
		o.sources = append(o.sources, source)
	}
}

func (h *holdfast) buildDiscovery() (err error) {
	if len(h.options.sources) == 0 {
		return nil
	}
	h.discovery, err = discovery.New(discovery.Config{
		Static: h.options.backends, Sources: h.options.sources, Set: h.pool.Set, Logger: h.log,
	})
	return err
}

// discover keeps the pool's membership up to date until ctx is done. SIGHUP has every source read at once.
func (h *holdfast) discover(ctx context.Context) {
	if h.discovery == nil {
		return
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { h.discovery.Run(ctx) })
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			h.log.Info("reading all sources of backends")
			h.discovery.Reload()
		}
	}
}

// sources is how each source of backends does, for the admin listener.
func (h *holdfast) sources() (all []admin.Source) {
	if h.discovery == nil {
		return nil
	}
	for _, s := range h.discovery.States() {
		all = append(all, admin.Source{Name: s.Source.String(), Backends: s.Backends, Failures: s.Failures, Failing: s.Failing})
	}
	return all
}

// awaitSources waits until every source was asked once, or ctx is done. A sid that comes before that would be refused,
// though its backend lives: clients wait in the listeners' queues instead.
func (h *holdfast) awaitSources(ctx context.Context) {
	if h.discovery == nil {
		return
	}
	select {
	case <-h.discovery.Ready():
	case <-ctx.Done():
	}
}
