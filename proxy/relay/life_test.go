package relay_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

func TestCloseCutsLiveTunnels(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		tunnels := []*tunnel{k.open(relay.Tunnel{}), k.open(relay.Tunnel{Group: 2})}
		tunnels[0].exchange()
		k.relay.Close()
		if err := receive(t, k.ran); err != nil {
			t.Error("Run:", err)
		}
		for _, tn := range tunnels {
			if len(tn.done) != 1 {
				t.Error("Close returned before Done")
			}
			tn.ended(relay.Shutdown)
			hearEnd(t, tn.client)
			hearEnd(t, tn.backend)
		}
		var late relay.Tunnel
		tn := k.prepare(&late)
		if err := k.relay.Start(late); !errors.Is(err, relay.ErrClosed) {
			t.Error("Start after Close:", err)
		}
		hearEnd(t, tn.client)
		hearEnd(t, tn.backend)
		if err := k.relay.Run(t.Context()); !errors.Is(err, relay.ErrClosed) {
			t.Error("Run after Close:", err)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	for _, l := range lanes {
		t.Run(l.name, func(t *testing.T) {
			k := newIdleKit(t, l)
			ctx, cancel := context.WithCancel(t.Context())
			k.run(ctx)
			tn := k.open(relay.Tunnel{})
			tn.exchange()
			cancel()
			receive(t, k.ran)
			tn.ended(relay.Shutdown)
		})
	}
}

func TestCloseWithoutRun(t *testing.T) {
	for _, l := range lanes {
		t.Run(l.name, func(t *testing.T) {
			k := newIdleKit(t, l)
			tn := k.open(relay.Tunnel{})
			k.relay.Close()
			tn.ended(relay.Shutdown)
		})
	}
}

func TestDoneMayCallTheRelay(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		second := make(chan *tunnel, 1)
		var next relay.Tunnel
		tn := k.prepare(&next)
		first := k.open(relay.Tunnel{Group: 1, Done: func(relay.Stats) {
			k.relay.EndGroup(1)
			if n := k.relay.Len(); n != 0 {
				t.Errorf("Len is %d in Done of the only tunnel", n)
			}
			if err := k.relay.Start(next); err != nil {
				t.Error(err)
			}
			second <- tn
		}})
		first.client.Close()
		first.backend.Close()
		receive(t, second).exchange()
	})
}

func TestAPanicInDoneIsLoggedOnceAndEndsNothingElse(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		other := k.open(relay.Tunnel{})
		called := make(chan struct{})
		tn := k.open(relay.Tunnel{Done: func(relay.Stats) { close(called); panic("out of order") }})
		tn.client.Close()
		tn.backend.Close()
		receive(t, called)
		other.exchange()
		k.relay.Close()
		if lines := k.log.lines(); len(lines) != 1 || !strings.Contains(lines[0], "out of order") {
			t.Errorf("logged %q, want one line about the panic", lines)
		}
	})
}

func TestATunnelNeedsTwoConnections(t *testing.T) {
	k := newKit(t, lanes[0])
	near, far := k.connect()
	if err := k.relay.Start(relay.Tunnel{Client: near}); err == nil {
		t.Error("a tunnel without a backend was started")
	}
	hearEnd(t, far)
}

func TestAConnectionWithoutHalfCloseIsClosed(t *testing.T) {
	k := newKit(t, lanes[0])
	near, far := net.Pipe()
	backendNear, backendFar := k.connect()
	done := make(chan relay.Stats, 1)
	err := k.relay.Start(relay.Tunnel{Client: near, Backend: backendNear, Done: func(s relay.Stats) { done <- s }})
	if err != nil {
		t.Fatal(err)
	}
	pass(t, far, backendFar, "ping")
	pass(t, backendFar, far, "pong")
	backendFar.Close()
	hearEOF(t, far)
	if s := receive(t, done); s.Cause != relay.BackendClosed {
		t.Error("cause", s.Cause)
	}
}

func TestANegativeHalfCloseTimeoutIsRefused(t *testing.T) {
	_, err := relay.New(relay.Config{HalfCloseTimeout: -time.Second})
	if err == nil || !strings.Contains(err.Error(), "HalfCloseTimeout -1s") {
		t.Error(err)
	}
}

func TestCausesHaveNames(t *testing.T) {
	for c := relay.ClientClosed; c <= relay.NoResources; c++ {
		if strings.HasPrefix(c.String(), "Cause(") {
			t.Errorf("%d has no name", c)
		}
	}
	if got := relay.Cause(99).String(); got != "Cause(99)" {
		t.Error(got)
	}
}
