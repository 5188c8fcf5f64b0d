package main_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"
)

// TestSignalEndsInOrder sends the signals that ask holdfast to stop: it exits
// with 0, with nobody there and with live sessions of every kind.
func TestSignalEndsInOrder(t *testing.T) {
	tests := map[string]struct {
		signal syscall.Signal
		modes  []string
	}{
		"SIGTERM when idle":                   {signal: syscall.SIGTERM},
		"SIGINT when idle":                    {signal: syscall.SIGINT},
		"SIGTERM with polls and tunnels open": {syscall.SIGTERM, []string{"polling", "default", "websocket"}},
	}
	backends := startBackends(t, "js4", 2)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := startProxy(t, proxyConfig{Backends: backends, Args: []string{"--shutdown-timeout", "2s"}})
			var groups []*clients
			for _, mode := range test.modes {
				groups = append(groups, startClients(t, clientsConfig{URL: p.url(), Mode: mode, Count: 4}))
			}
			for _, c := range groups {
				c.summary(t)
			}
			p.signal(t, test.signal)
			if code := p.waitExit(t, 10*time.Second); code != 0 {
				t.Errorf("exit code %d after %v, want 0", code, test.signal)
			}
			for _, c := range groups {
				c.waitCount(t, 5*time.Second, 4, fields{"event": "disconnect"})
			}
		})
	}
}

// TestShutdownDelay asks holdfast to stop: for a while it says that it is not
// ready, and serves whoever comes all the same.
func TestShutdownDelay(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 1)
	const delay = 3 * time.Second
	p := startCountingProxy(t, proxyConfig{Backends: backends, Args: []string{"--shutdown-delay", delay.String(), "--shutdown-timeout", "2s"}})
	p.signal(t, syscall.SIGTERM)
	began := time.Now()
	p.waitLog(t, 5*time.Second, "shutting down", nil)
	res, err := anyAddress.Get("http://" + p.admin + "/readyz")
	if err != nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %v, %v; want 503", res, err)
	}
	for _, problem := range exchangeAll(openSessions(t, 2, sessionConfig{URL: p.url()}), 2) {
		t.Errorf("sessions opened after SIGTERM: %s", problem)
	}
	if code := p.waitExit(t, 10*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if after := time.Since(began); after < delay {
		t.Errorf("it ended after %v, want %v and more", after, delay)
	}
}
