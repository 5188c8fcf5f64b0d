package main_test

import (
	"fmt"
	"testing"
	"time"
)

// TestClientsWaitForAPlace has more real clients come than the backends may have
// together: no backend has more than its share, the others wait or are refused and
// try again, as their library does, and are in as soon as some of the first leave.
func TestClientsWaitForAPlace(t *testing.T) {
	t.Parallel()
	const places = 5 // at each of two backends
	backends := startBackends(t, "js4", 2)
	args := []string{"--handshake-wait", "1s"}
	for _, b := range backends {
		args = append(args, "--backend", fmt.Sprintf("%s=%s,max-sessions=%d", b.id, b.url(), places))
	}
	p := startCountingProxy(t, proxyConfig{Args: args})
	start := func(mode string, n int) *clients {
		return startClients(t, clientsConfig{URL: p.url(), Mode: mode, Count: n, Args: []string{"--big", "0"}})
	}
	first, second := start("websocket", places), start("polling", places)
	held := map[string]int{}
	for _, c := range []*clients{first, second} {
		for id, n := range c.summary(t).byServer() {
			held[id] += n
		}
	}
	for id, n := range held {
		if n != places {
			t.Errorf("%s has %d sessions, want %d", id, n, places)
		}
	}

	more := start("default", places)
	more.waitCount(t, 20*time.Second, places, fields{"event": "connect_error"})
	if n := len(more.find(fields{"event": "welcome"})); n > 0 {
		t.Errorf("%d clients more than there are places for are in", n)
	}
	first.command(t, fields{"cmd": "close"})
	s := more.summary(t)
	for _, r := range s.Clients {
		if !r.Done || r.Lost+r.Duplicated+r.Reordered > 0 || r.Transport != "websocket" {
			t.Errorf("a client that had to wait: %+v", r)
		}
	}
	if p.series(t, "holdfast_handshakes_waited_total") < places {
		t.Error("the clients did not wait")
	}
	t.Logf("%d refused after their wait", int(p.series(t, `holdfast_handshakes_refused_total{bound="wait"}`)))
}
