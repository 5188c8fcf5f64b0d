package main_test

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestSickBackendsAreLeft makes backends of three ill, one and two at a time and
// all of them: their clients are back on the well ones soon, if there are any,
// nobody else notices, and once they are cured they get sessions again. Other
// tests have backends that are killed, frozen, late with every reply, and that
// refuse dials (TestOwnerDies, TestBackendThatRefusesDialsLives).
func TestSickBackendsAreLeft(t *testing.T) {
	t.Parallel()
	backends := startFaulty(t, 3)
	p := startCountingProxy(t, proxyConfig{Backends: backends, Args: []string{
		"--health-interval", "300ms", "--health-timeout", "500ms",
	}})
	groups := []*clients{
		startClients(t, clientsConfig{URL: p.url(), Mode: "polling", Count: 9, Args: []string{"--big", "0"}}),
		startClients(t, clientsConfig{URL: p.url(), Mode: "default", Count: 9, Args: []string{"--big", "0"}}),
	}
	kill := ailment{
		func(t *testing.T, b *backend) { t.Helper(); b.kill(t) },
		func(_ *testing.T, b *backend) { b.restart(t) }, // for longer than one spell
	}
	freeze := ailment{
		func(t *testing.T, b *backend) { b.signal(t, syscall.SIGSTOP) },
		func(t *testing.T, b *backend) { b.signal(t, syscall.SIGCONT) },
	}
	type spell struct {
		name string
		ails []ailment // one for each backend, from the first on
	}
	spells := []spell{
		{"two at the same time: one resets every connection, one answers 500", []ailment{inWay("reset"), inWay("500")}},
		{"one takes connections and requests and says nothing", []ailment{inWay("silent")}},
		{"all are killed", []ailment{kill, kill, kill}},
	}
	if *long {
		spells = append(spells,
			spell{"one resets every connection", []ailment{inWay("reset")}},
			spell{"one answers everything with 500", []ailment{inWay("500")}},
			spell{"two at the same time: one is killed, one frozen", []ailment{kill, freeze}},
			spell{"all are frozen", []ailment{freeze, freeze, freeze}},
			spell{"all answer 500", []ailment{inWay("500"), inWay("500"), inWay("500")}},
		)
	}
	before := summaries(t, groups)
	for _, s := range spells {
		t.Run(s.name, func(t *testing.T) { before = goThrough(t, p, backends, groups, before, s.ails) })
		backends = append(backends[1:], backends[0]) // who falls ill again soon has to be well for longer
	}
}

// ailment is a way to be ill.
type ailment struct{ begin, end func(*testing.T, *backend) }

// inWay is an ailment of testdata/socketio/faults.js.
func inWay(how string) ailment {
	turn := func(how string) func(*testing.T, *backend) {
		return func(t *testing.T, b *backend) {
			t.Helper()
			already := len(b.find(fields{"event": "ails", "how": how}))
			b.command(t, fields{"cmd": "ail", "how": how})
			b.waitCount(t, 10*time.Second, already+1, fields{"event": "ails", "how": how})
		}
	}
	return ailment{turn(how), turn("well")}
}

// goThrough has the first backends fall ill and get well again, and returns how
// the clients are afterwards.
func goThrough(t *testing.T, p *countingProxy, backends []*backend, groups []*clients, before []summary, ails []ailment) []summary {
	t.Helper()
	var sick []string
	began := time.Now()
	for i, a := range ails {
		a.begin(t, backends[i])
		sick = append(sick, backends[i].id)
	}
	for i := range ails {
		p.awaitState(t, backends[i], "down")
	}
	known := time.Since(began)
	if len(sick) < len(backends) {
		awaitReturn(t, groups, before, sick)
	}
	back := time.Since(began)
	for i, a := range ails {
		a.end(t, backends[i])
	}
	for i := range ails {
		p.awaitState(t, backends[i], "up")
	}
	cured := time.Now()
	if len(sick) == len(backends) {
		awaitReturn(t, groups, before, nil)
		back = time.Since(cured)
	}
	t.Logf("known after %v, clients back after %v", known.Round(time.Millisecond), back.Round(time.Millisecond))
	for i := range ails {
		openOn(t, p, sessionConfig{URL: p.url()}, backends[i])
	}
	after := make([]summary, len(groups))
	for i, c := range groups {
		after[i] = c.exchange(t)
		checkOthers(t, c.name, before[i], after[i], sick)
	}
	return after
}

// awaitReturn waits until every client that was on one of the sick, or on any if
// none is named, has a session that is not.
func awaitReturn(t *testing.T, groups []*clients, before []summary, sick []string) {
	t.Helper()
	for i, c := range groups {
		for _, was := range before[i].Clients {
			if sick == nil || slices.Contains(sick, was.Server) {
				c.awaitElsewhere(t, was, sick)
			}
		}
	}
}

// awaitElsewhere waits for a client's session after the one that it had, on a server
// that is not one of those.
func (c *clients) awaitElsewhere(t *testing.T, was report, sick []string) {
	t.Helper()
	for n := was.Welcomes + 1; ; n++ {
		all := c.waitCount(t, 30*time.Second, n, fields{"event": "welcome", "client": was.Client})
		if server := all[n-1].str("server"); !slices.Contains(sick, server) {
			return
		}
	}
}

// checkOthers requires that every client is well, and that those who were on none
// of the sick have the session that they had.
func checkOthers(t *testing.T, name string, before, after summary, sick []string) {
	t.Helper()
	var all tally
	for i, r := range after.Clients {
		was := before.Clients[i]
		if !slices.Contains(sick, was.Server) {
			all.add("clients of well servers that lost their session", count(r.SID != was.SID))
		}
		all.add("clients that did not finish", count(!r.Done))
		all.add("messages lost, duplicated, reordered or garbled", r.Lost+r.Duplicated+r.Reordered+r.Garbled)
	}
	for _, problem := range all.lines() {
		t.Errorf("%s: %s", name, problem)
	}
	if t.Failed() {
		t.Logf("%+v", after)
	}
}
