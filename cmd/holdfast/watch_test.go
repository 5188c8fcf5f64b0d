package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-proxy/holdfast/healthcheck"
	"github.com/holdfast-proxy/holdfast/routing"
)

// watchPool runs do beside a checker that watches a pool, in a bubble of synctest. Backends whose URL is in dead refuse
// every check.
func watchPool(t *testing.T, dead *sync.Map, do func(h *holdfast)) {
	synctest.Test(t, func(t *testing.T) {
		h := &holdfast{pool: routing.NewPool(routing.PoolConfig{}), changed: make(chan struct{}, 1)}
		h.pool.OnChange(h.poolChanged)
		var err error
		h.checker, err = healthcheck.New(healthcheck.Config{
			Probe: healthcheck.ProbeFunc(func(_ context.Context, url string) error {
				if _, refuses := dead.Load(url); refuses {
					return syscall.ECONNREFUSED
				}
				return nil
			}),
			OnChange: func(c healthcheck.Change) { h.pool.SetState(c.Target.ID, stateOf(c.To)) },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { h.watch(ctx) })
		do(h)
		stop()
		running.Wait()
	})
}

// set makes the pool's members those of the list, each as ID=URL, and lets the checker find out how they are.
func set(t *testing.T, h *holdfast, members ...string) {
	t.Helper()
	var list []routing.BackendConfig
	for _, text := range members {
		list = append(list, routing.BackendConfig{ID: text[:1], URL: text[2:]})
	}
	if err := h.pool.Set(list); err != nil {
		t.Fatal(err)
	}
	<-time.After(10 * time.Second)
	synctest.Wait()
}

// is fails the test if the pool and the checker are not as wanted: each of the pool's backends as "ID STATE", each of
// those checked as its URL.
func is(t *testing.T, h *holdfast, pool []string, checked ...string) {
	t.Helper()
	synctest.Wait()
	var members, targets []string
	for _, b := range h.pool.Snapshot().Backends() {
		members = append(members, fmt.Sprint(b.ID(), " ", b.State()))
	}
	for _, s := range h.checker.States() {
		targets = append(targets, s.Target.URL)
	}
	if !slices.Equal(members, pool) || !slices.Equal(targets, checked) {
		t.Errorf("the pool has %q, want %q; checked are %q, want %q", members, pool, targets, checked)
	}
}

func TestTheCheckerWatchesWhoIsInThePool(t *testing.T) {
	var dead sync.Map
	watchPool(t, &dead, func(h *holdfast) {
		is(t, h, nil)
		set(t, h, "a=http://a", "b=http://b")
		is(t, h, []string{"a up", "b up"}, "http://a", "http://b")
		set(t, h, "a=http://a")
		is(t, h, []string{"a up", "b draining"}, "http://a", "http://b")
		dead.Store("http://b", true)
		set(t, h, "a=http://a")
		is(t, h, []string{"a up", "b down"}, "http://a", "http://b")
		h.pool.Sweep()
		is(t, h, []string{"a up"}, "http://a")
	})
}

func TestAChangedURLIsCheckedInThePlaceOfTheOldOne(t *testing.T) {
	dead := sync.Map{}
	dead.Store("http://old", true)
	watchPool(t, &dead, func(h *holdfast) {
		set(t, h, "a=http://old")
		is(t, h, []string{"a down"}, "http://old")
		set(t, h, "a=http://new")
		is(t, h, []string{"a up", "a down"}, "http://new")
		set(t, h, "a=http://old")
		is(t, h, []string{"a down", "a draining"}, "http://old")
	})
}

// A backend that was removed while it was down, and is back before the checker has heard of that, begins Up in the pool:
// the checker must not go on from what it knew, or it would never say that it is down.
func TestARemovedBackendThatReturnsIsCheckedAnew(t *testing.T) {
	dead := sync.Map{}
	dead.Store("http://b", true)
	watchPool(t, &dead, func(h *holdfast) {
		set(t, h, "a=http://a", "b=http://b")
		is(t, h, []string{"a up", "b down"}, "http://a", "http://b")
		if err := h.pool.Set([]routing.BackendConfig{{ID: "a", URL: "http://a"}}); err != nil {
			t.Fatal(err)
		}
		h.pool.Sweep()
		set(t, h, "a=http://a", "b=http://b")
		is(t, h, []string{"a up", "b down"}, "http://a", "http://b")
	})
}
