package main_test

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestSearchAmongSickBackends restarts the proxy, so that it has to search for
// every session, while backends do not answer: that costs time, not sessions.
// Only a backend that never answers again loses its own.
func TestSearchAmongSickBackends(t *testing.T) {
	t.Parallel()
	backends := startFaulty(t, 3)
	stalled := func(b *backend) { stall(t, b) }
	restarted := func(b *backend) { b.kill(t); b.restart(t) }
	tests := []sickness{
		{name: "all stalled for 500 ms", sick: backends, begin: stalled},
		{name: "one stalled for 500 ms", sick: backends[:1], begin: stalled},
		{name: "another stalled for 500 ms", sick: backends[1:2], begin: stalled},
		{
			name: "one frozen for good", sick: backends[1:2], args: []string{"--health-interval", "500ms"},
			begin: func(b *backend) { b.signal(t, syscall.SIGSTOP) }, end: restarted, lost: true,
		},
	}
	if *long {
		tests = append(tests, sickness{
			name: "one 2 s late with every reply", sick: backends[:1], args: []string{"--health-timeout", "5s"},
			begin: func(b *backend) { makeSlow(t, b) }, end: restarted,
		})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, backends) })
	}
}

// sickness is what some backends suffer from while they are asked.
type sickness struct {
	name       string
	sick       []*backend
	begin, end func(*backend)
	lost       bool // the sessions of the sick
	args       []string
}

func (s sickness) run(t *testing.T, backends []*backend) {
	p := startCountingProxy(t, proxyConfig{Backends: backends, Args: s.args})
	sessions := openSessions(t, inForm(15, 150), sessionConfig{URL: p.url()})
	p.kill(t)
	p.restart(t)
	for _, b := range s.sick {
		s.begin(b)
		if s.end != nil {
			defer s.end(b)
		}
		if s.lost {
			sessions = slices.DeleteFunc(sessions, func(s *session) bool { return s.Server == b.id })
		}
	}
	began := time.Now()
	problems := forEach(len(sessions), len(sessions), func(i int) error { return sessions[i].exchange(3) })
	f := p.figures(t)
	t.Logf("%d sessions, searched for and done in %v: %d searches of %.2f backend requests each",
		len(sessions), time.Since(began).Round(time.Millisecond), f.Searches.Begun, f.perSearch())
	if s.end == nil { // else some would only be slow to tell
		problems = append(problems, exchangeAll(sessions, 1)...)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

// TestClientsConnectWhileBackendsStall lets real clients connect through replicas
// while one backend after the other stops for 500 ms: poll, POST and upgrade of a
// session, which come over different replicas, still find its owner.
func TestClientsConnectWhileBackendsStall(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 3)
	_, url := startReplicas(t, backends, [][]int{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}})
	var groups []*clients
	for _, version := range []string{"4", "2"} {
		groups = append(groups, startClients(t, clientsConfig{
			URL: url, Version: version, Count: inForm(18, 60), Args: []string{"--ramp", inForm("80", "300")},
		}))
	}
	groups[0].wait(t, 20*time.Second, fields{"event": "welcome"})
	for range inForm(1, 10) {
		for _, b := range backends {
			<-stall(t, b)
		}
	}
	for _, c := range groups {
		for _, problem := range c.summary(t).problems("websocket") {
			t.Errorf("%s: %s", c.name, problem)
		}
	}
}
