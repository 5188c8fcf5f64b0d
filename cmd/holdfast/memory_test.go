package main

import (
	"runtime/debug"
	"testing"
	"time"
)

// sink keeps what a test allocates on the heap.
var sink [][]byte

// allocate makes so many bytes of garbage.
func allocate(bytes int) {
	const piece = 32 << 10
	for range bytes / piece {
		sink = append(sink, make([]byte, piece))
	}
	sink = nil
}

// TestMemoryOfARushIsGivenBack has the looks of a thrift made by hand.
func TestMemoryOfARushIsGivenBack(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // nobody else collects
	debug.FreeOSMemory()
	plans := make(chan time.Duration, 1)
	var look func()
	freed := 0
	stop := beThrifty(func(d time.Duration, call func()) func() {
		look = call
		plans <- d
		return func() {}
	}, func() {
		debug.FreeOSMemory()
		freed++
	})
	defer stop()
	<-plans
	next := func(during string, wantFreed int, wantPlan time.Duration) {
		t.Helper()
		look()
		plan := <-plans // of whoever gives back, when that has been done
		if freed != wantFreed || wantPlan != 0 && plan != wantPlan {
			t.Fatalf("%s: given back %d times, next look after %v; want %d, %v", during, freed, plan, wantFreed, wantPlan)
		}
	}
	next("at the start", 0, rushLook)
	allocate(4 * leastSpare)
	next("in a rush", 0, rushLook)
	allocate(rushRate / 2)
	next("after the rush", 1, 0)
	allocate(rushRate / 2)
	next("with little to give back", 1, restLook)
	for range leastSpare / rushRate {
		allocate(rushRate / 2)
		next("with little allocated since", 1, restLook)
	}
	for freed == 1 {
		allocate(rushRate / 2)
		look()
		<-plans
	}
	stop()
	if look(); len(plans) > 0 {
		t.Error("looks go on after the end")
	}
}
