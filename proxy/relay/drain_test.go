package relay_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

func TestDrainKeepsItsRate(t *testing.T) {
	k := newKit(t, lanes[0])
	for range 10 {
		k.open(relay.Tunnel{})
	}
	k.clock.turn(time.Second) // all have been quiet for long enough
	plan := k.relay.NewDrainPlan(relay.DrainOptions{Rate: 4})
	for step, want := range []int{1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4} {
		plan.Round()
		if n := k.relay.Ending(); n != want {
			t.Fatalf("%d tunnels ended after %v, want %d", n, time.Duration(step)*relay.DrainRound, want)
		}
		k.clock.turn(relay.DrainRound)
	}
}

func TestDrainWithoutRateEndsAllAtOnce(t *testing.T) {
	k := newKit(t, lanes[0])
	for range 10 {
		k.open(relay.Tunnel{})
	}
	k.clock.turn(time.Second)
	k.relay.NewDrainPlan(relay.DrainOptions{}).Round()
	if n := k.relay.Ending(); n != 10 {
		t.Errorf("%d of 10 tunnels ended", n)
	}
}

func TestDrainWaitsUntilTheBackendIsQuiet(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		tn := k.open(relay.Tunnel{})
		plan := k.relay.NewDrainPlan(relay.DrainOptions{})
		for range 3 {
			pass(t, tn.backend, tn.client, "part of a message")
			k.clock.turn(249 * time.Millisecond)
			plan.Round()
			if k.relay.Ending() != 0 {
				t.Fatal("ended within a message")
			}
		}
		say(t, tn.client, "the client's bytes do not matter")
		hear(t, tn.backend, "the client's bytes do not matter")
		k.clock.turn(time.Millisecond)
		plan.Round()
		hearEOF(t, tn.client)
		tn.client.Close()
		tn.ended(relay.Drained)
	})
}

func TestDrainWaitsUntilTheClientHasSettled(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		tn, silent := k.open(relay.Tunnel{Prelude: 6}), k.open(relay.Tunnel{Prelude: 6})
		plan := k.relay.NewDrainPlan(relay.DrainOptions{})
		pass(t, tn.client, tn.backend, "2probe")
		k.clock.turn(time.Second)
		plan.Round()
		if k.relay.Ending() != 0 {
			t.Fatal("ended in the middle of an upgrade")
		}
		pass(t, tn.client, tn.backend, "5")
		tn.exchange() // the count of those bytes is complete when the next ones come
		k.clock.turn(time.Second)
		plan.Round()
		hearEOF(t, tn.client)
		if n := k.relay.Ending(); n != 1 {
			t.Fatalf("%d tunnels ended, want the one whose client has settled", n)
		}
		k.clock.turn(8 * time.Second)
		plan.Round()
		hearEOF(t, silent.client) // ten seconds after its begin
	})
}

func TestDrainBeginsWithTheLongestIdle(t *testing.T) {
	k := newKit(t, lanes[0])
	idle := k.open(relay.Tunnel{})
	k.clock.turn(time.Second)
	busy := k.open(relay.Tunnel{}) // newest first in the registry
	idler := k.open(relay.Tunnel{})
	k.clock.turn(time.Second)
	idle.exchange() // now the least idle
	k.clock.turn(time.Second)
	busy.exchange()
	k.clock.turn(time.Second)
	plan := k.relay.NewDrainPlan(relay.DrainOptions{Rate: 1})
	for _, tn := range []*tunnel{idler, idle, busy} {
		plan.Round()
		hearEOF(t, tn.client)
		k.clock.turn(time.Second)
	}
}

func TestDrainEndsItsGroupAndWhatJoinsItMeanwhile(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		drained := make(chan error, 1)
		first, other := k.open(relay.Tunnel{Group: "b"}), k.open(relay.Tunnel{Group: "c"})
		go func() {
			drained <- k.relay.Drain(t.Context(), relay.DrainOptions{Group: "b", Rate: 100})
		}()
		k.turnUntilEnding(1)
		hearEOF(t, first.client)
		late := k.open(relay.Tunnel{Group: "b"})
		first.client.Close()
		first.ended(relay.Drained)
		k.turnUntilEnding(1)
		hearEOF(t, late.client)
		late.client.Close()
		late.ended(relay.Drained)
		k.turnWhileWaiting(drained, nil)
		other.exchange()
	})
}

func TestDrainCutsWhatIsLeftAtTheDeadline(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		quiet, chatty := k.open(relay.Tunnel{}), k.open(relay.Tunnel{})
		k.clock.turn(time.Second)
		pass(t, chatty.backend, chatty.client, "part of a message") // never quiet again: the clock stands still
		ctx := &deadlined{Context: t.Context(), done: make(chan struct{})}
		drained := make(chan error, 1)
		go func() { drained <- k.relay.Drain(ctx, relay.DrainOptions{}) }()
		hearEOF(t, quiet.client)
		quiet.client.Close()
		quiet.ended(relay.Drained)
		close(ctx.done)
		if err := receive(t, drained); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain: %v, want the deadline", err)
		}
		hearEnd(t, chatty.client)
		hearEnd(t, chatty.backend)
		chatty.ended(relay.DrainCut)
	})
}

func TestACancelledDrainLeavesTheRestAlone(t *testing.T) {
	k := newKit(t, lanes[0])
	tn := k.open(relay.Tunnel{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.relay.Drain(ctx, relay.DrainOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain: %v, want that it was cancelled", err)
	}
	tn.exchange()
}

func TestDrainOfNothingReturnsAtOnce(t *testing.T) {
	k := newKit(t, lanes[0])
	if err := k.relay.Drain(t.Context(), relay.DrainOptions{Group: "nobody"}); err != nil {
		t.Error(err)
	}
}

// turnUntilEnding lets time pass until n tunnels are on their way out.
func (k *kit) turnUntilEnding(n int) {
	k.t.Helper()
	for k.relay.Ending() != n && !k.t.Failed() {
		k.clock.turnAsleep(k.t, relay.DrainRound)
	}
}

// turnWhileWaiting lets time pass until done says want.
func (k *kit) turnWhileWaiting(done chan error, want error) {
	k.t.Helper()
	for {
		select {
		case err := <-done:
			if !errors.Is(err, want) {
				k.t.Errorf("Drain: %v, want %v", err, want)
			}
			return
		default:
			k.clock.turn(relay.DrainRound)
		}
	}
}

// deadlined is a context whose deadline passes when the test says so.
type deadlined struct {
	context.Context
	done chan struct{}
}

func (d *deadlined) Done() <-chan struct{} { return d.done }

func (d *deadlined) Err() error {
	select {
	case <-d.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestADrainerEndsAFewAtATime(t *testing.T) {
	k := newKit(t, lanes[0])
	for range 5 {
		k.open(relay.Tunnel{Group: "b"})
	}
	other := k.open(relay.Tunnel{Group: "c"})
	d := k.relay.NewDrainer(relay.DrainOptions{Group: "b"})
	if n := d.End(2); n != 0 {
		t.Errorf("ended %d tunnels that were not quiet for long enough", n)
	}
	k.clock.turn(250 * time.Millisecond)
	for _, want := range []int{2, 2, 1, 0} {
		if n := d.End(2); n != want {
			t.Errorf("ended %d, want %d", n, want)
		}
	}
	k.open(relay.Tunnel{Group: "b"})
	k.clock.turn(time.Second)
	if n := d.End(2); n != 1 {
		t.Errorf("ended %d of one that came later", n)
	}
	other.exchange()
}

func TestTunnelsAreCountedByGroup(t *testing.T) {
	k := newKit(t, lanes[0])
	one, _ := k.open(relay.Tunnel{Group: "b"}), k.open(relay.Tunnel{Group: "b"})
	k.open(relay.Tunnel{Group: "c"})
	one.client.Close()
	one.backend.Close()
	one.ended(relay.ClientClosed)
	for group, want := range map[string]int{"b": 1, "c": 1, "nobody": 0} {
		if n := k.relay.LenGroup(group); n != want {
			t.Errorf("%d tunnels of %s, want %d", n, group, want)
		}
	}
}
