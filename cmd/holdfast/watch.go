package main

import (
	"context"
	"maps"
	"sync"

	"github.com/holdfast-proxy/holdfast/healthcheck"
	"github.com/holdfast-proxy/holdfast/routing"
)

// poolChanged says that the checker may have others to watch. It is called by whoever changes the pool, the checker
// included, and so leaves the work to watch.
func (h *holdfast) poolChanged(routing.Change) {
	select {
	case h.changed <- struct{}{}:
	default: // watch has yet to look
	}
}

// watch has the checker check the pool's backends, whoever they come to be, until ctx is done.
func (h *holdfast) watch(ctx context.Context) {
	if h.checker == nil {
		return
	}
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { h.checker.Run(ctx) })
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.changed:
			h.watchMembers()
		}
	}
}

// watchMembers has the checker watch the backends that are in the pool now, leaving ones included, whose sessions must
// hear of their end. Of two with one ID the leaving one is not watched.
func (h *holdfast) watchMembers() {
	members := map[string]*routing.Backend{}
	var all, stayed []healthcheck.Target
	for _, b := range h.pool.Snapshot().Backends() {
		if members[b.ID()] != nil {
			continue
		}
		members[b.ID()] = b
		all = append(all, healthcheck.Target{ID: b.ID(), URL: b.URL()})
		if old := h.watched[b.ID()]; old == nil || old == b {
			stayed = append(stayed, all[len(all)-1])
		}
	}
	if maps.Equal(members, h.watched) {
		return
	}
	if len(stayed) < len(all) {
		h.checker.Set(stayed) // one that was removed and is back is new: what was found of the old must not be its state
	}
	h.checker.Set(all)
	h.watched = members
}
