package main_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestBackendThatRefusesDialsLives closes the listener of a backend whose
// WebSockets go on, as a Node process does that is asked to shut down: its checks
// fail, it gets nothing new, its polling sessions, which cannot go on, are told
// so, and not one of its WebSockets ends.
func TestBackendThatRefusesDialsLives(t *testing.T) {
	t.Parallel()
	backends := startFaulty(t, 2)
	p := startCountingProxy(t, proxyConfig{Backends: backends, Args: []string{"--health-interval", "300ms"}})
	groups := []*clients{
		startClients(t, clientsConfig{URL: p.url(), Mode: "websocket", Count: inForm(8, 50)}),
		startClients(t, clientsConfig{URL: p.url(), Mode: "default", Count: inForm(8, 50)}),
	}
	before := summaries(t, groups)
	closing := backends[0]
	polling := openOn(t, p, sessionConfig{URL: p.url()}, closing)
	stopListening(t, closing)
	p.awaitState(t, closing, "down")
	checkRefused(t, polling)

	for i, c := range groups {
		after := c.exchange(t)
		for _, problem := range after.problems("websocket") {
			t.Errorf("%s: %s", c.name, problem)
		}
		if after.byServer()[closing.id] == 0 || after.byServer()[closing.id] != before[i].byServer()[closing.id] {
			t.Errorf("%s: %d tunnels to %s, were %d", c.name, after.byServer()[closing.id], closing.id, before[i].byServer()[closing.id])
		}
	}
	for range 6 {
		s, err := openSession(sessionConfig{URL: p.url()})
		if err != nil || s.Server == closing.id {
			t.Fatalf("new session: %v, %+v: want it on %s", err, s, backends[1].id)
		}
	}
}

// TestOversizedPOSTHurtsItsSenderOnly sends POSTs that are larger than the server
// takes, which it answers by a reset: nobody but the sender loses anything,
// however often that happens.
func TestOversizedPOSTHurtsItsSenderOnly(t *testing.T) {
	backends := startBackends(t, "js3", 2)
	p := startCountingProxy(t, proxyConfig{Backends: backends, Args: []string{"--health-interval", "300ms"}})
	others := openSessions(t, inForm(12, 100), sessionConfig{URL: p.url()})
	attackers := openSessions(t, inForm(12, 100), sessionConfig{URL: p.url()})
	huge := strings.Repeat("x", 5_000_000)

	// The others' polls wait while the resets come.
	waiting := make(chan []string, 1)
	go func() {
		waiting <- forEach(len(others), len(others), func(i int) error {
			return others[i].hear(context.Background(), func() bool { return len(others[i].downs) > 1 })
		})
	}()
	p.awaitFigures(t, func(f figures) bool { return f.Requests == len(others) })
	answers := map[string]int{}
	for _, s := range attackers {
		answers[kindOf(s.ask(context.Background(), http.MethodPost, huge))]++
	}
	t.Logf("answers to oversized POSTs: %v", answers)
	if answers["200"] > 0 {
		t.Errorf("%d oversized POSTs were taken: they were to be reset", answers["200"])
	}
	problems := forEach(len(others), 16, func(i int) error {
		others[i].sent++
		return others[i].post(event(2, "up", 2, text(2)))
	})
	for _, problem := range slices.Concat(problems, <-waiting, exchangeAll(others, 2)) {
		t.Errorf("sessions of others: %s", problem)
	}
	for _, change := range []string{"backend down", "backend suspect", "backend ejected"} {
		if l := p.find(fields{"msg": change}); len(l) > 0 {
			t.Errorf("clients made a backend look sick: %s", l[0].text)
		}
	}
}
