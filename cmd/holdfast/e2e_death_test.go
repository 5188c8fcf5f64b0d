package main_test

import (
	"testing"
	"time"
)

// backLimit is how soon the clients of a backend that dies are back, half a
// second to one and a half of which they wait by themselves. The short form runs
// beside other tests, on machines that may be busy.
func backLimit() time.Duration { return inForm(6*time.Second, 3*time.Second) }

// TestBackendKilled kills one backend of three under its clients: they are back
// on the others in a few seconds, and nobody else notices.
func TestBackendKilled(t *testing.T) {
	backends := startBackends(t, "js4", 3)
	p := startProxy(t, proxyConfig{Backends: backends})
	groups := []*clients{
		startClients(t, clientsConfig{URL: p.url(), Mode: "default", Count: 12}),
		startClients(t, clientsConfig{URL: p.url(), Mode: "polling", Count: 12}),
		startClients(t, clientsConfig{URL: p.url(), Mode: "polling", Version: "2", Count: 12}),
	}
	before := make([]summary, len(groups))
	for i, c := range groups {
		before[i] = c.summary(t)
	}

	dead := backends[0]
	killed := dead.kill(t)
	for i, c := range groups {
		for _, r := range before[i].Clients {
			if r.Server == dead.id {
				checkBack(t, c, r, killed)
			}
		}
	}
	for i, c := range groups {
		after := c.exchange(t)
		checkUntouched(t, c.name, before[i], after, dead.id)
	}
}

// checkBack waits for a client's second session and says when it came too late.
func checkBack(t *testing.T, c *clients, r report, killed time.Time) {
	t.Helper()
	back := c.waitCount(t, 10*time.Second, 2, fields{"event": "welcome", "client": r.Client})[1]
	if took := back.at().Sub(killed); took > backLimit() {
		t.Errorf("%s: client %d was back after %v, want under %v", c.name, r.Client, took, backLimit())
	}
	if back.str("server") == r.Server {
		t.Errorf("%s: client %d came back to %s, which is dead", c.name, r.Client, r.Server)
	}
}

// checkUntouched compares the clients with what they were before a death: those
// of other backends still have their session, and all of them lose nothing.
func checkUntouched(t *testing.T, name string, before, after summary, dead string) {
	t.Helper()
	for i, r := range after.Clients {
		was := before.Clients[i]
		if was.Server != dead && (r.SID != was.SID || r.Disconnects > 0) {
			t.Errorf("%s: client %d of %s lost its session when %s died", name, i, was.Server, dead)
		}
		if r.Transport != was.Transport {
			t.Errorf("%s: client %d is on %s after the death, was on %s", name, i, r.Transport, was.Transport)
		}
		if !r.Done || r.Lost+r.Duplicated+r.Reordered+r.Garbled > 0 || r.BlobsIntact < r.BlobsSent {
			t.Errorf("%s: client %d after the death: %+v", name, i, r)
		}
	}
}

// TestBackendRevived restarts a killed backend on its port: new sessions go
// there again, although its former life had many.
func TestBackendRevived(t *testing.T) {
	backends := startBackends(t, "js4", 2)
	p := startProxy(t, proxyConfig{Backends: backends, Args: []string{"--health-interval", "200ms"}})
	first := startClients(t, clientsConfig{URL: p.url(), Mode: "polling", Count: 10})
	first.summary(t)

	backends[0].kill(t)
	first.waitCount(t, 10*time.Second, 15, fields{"event": "welcome"})
	backends[0].restart(t)

	// Ten clients a second, until one of them lands there.
	second := startClients(t, clientsConfig{
		URL: p.url(), Mode: "websocket", Count: 60, Args: []string{"--ramp", "100", "--rounds", "0", "--sizes", "", "--big", "0"},
	})
	second.wait(t, 10*time.Second, fields{"event": "welcome", "server": backends[0].id})
}
