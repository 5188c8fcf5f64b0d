package main_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// succeed starts another holdfast with the same flags, which takes over, and
// returns the one before, which is ending.
func (p *proxy) succeed(t *testing.T) *process {
	t.Helper()
	old := p.process
	p.restart(t)
	old.wait(t, 10*time.Second, fields{"msg": "handed over, shutting down"})
	return old
}

// startInherited is startCountingProxy for one that hands over.
func startInherited(t *testing.T, backends []*backend, shutdown time.Duration, args ...string) *countingProxy {
	t.Helper()
	args = append(args, "--handover", filepath.Join(t.TempDir(), "next.sock"), "--shutdown-timeout", shutdown.String())
	return startCountingProxy(t, proxyConfig{Backends: backends, Args: args})
}

// TestHandover replaces the running proxy again and again under load, with new
// connections, waiting polls, tunnels, sessions with traffic and questions to the
// admin listener. No request is lost, none refused, every polling session goes on
// without a search, tunnels end with a FIN, and each old process exits with 0.
func TestHandover(t *testing.T) {
	times, pause := inForm(2, 20), inForm(time.Second, 3*time.Second)
	backends := startBackends(t, "js4", inForm(2, 3), "--ping-interval", "2000")
	p := startInherited(t, backends, inForm(4*time.Second, 12*time.Second), "--health-timeout", "10s", "--health-interval", "10s")
	c := &crowd{proxy: p, stop: make(chan struct{})}
	sessions := c.exchanging(t, inForm(40, 1000), inForm(time.Second, 5*time.Second))
	sessions = append(sessions, c.waiting(t, inForm(20, 200))...)
	c.tunnelling(t, inForm(20, 200))
	real := startClients(t, clientsConfig{URL: p.url(), Mode: "polling", Count: 10})
	real.summary(t)
	c.each(time.Second/time.Duration(inForm(50, 200)), "new connections", c.visit)
	c.each(100*time.Millisecond, "questions", c.question)

	var old []*process
	began := time.Now()
	for range times {
		old = append(old, p.succeed(t))
		c.rest(pause)
	}
	took := time.Since(began)
	for _, o := range old {
		if code := o.waitExit(t, 30*time.Second); code != 0 {
			t.Errorf("%s: exit code %d, want 0", o.name, code)
		}
	}
	for _, problem := range c.end() {
		t.Error(problem)
	}
	for _, problem := range exchangeAll(sessions, 1) {
		t.Errorf("sessions in the end: %s", problem)
	}
	for _, problem := range real.exchange(t).problems("polling") {
		t.Errorf("real clients: %s", problem)
	}
	if f := p.figures(t); f.Searches.Begun > 0 {
		t.Errorf("%d searches, want none: the table was handed over", f.Searches.Begun)
	}
	t.Logf("%d hand-overs in %v: %d new connections, %d exchanges, %d polls answered, %d tunnels ended with a FIN, %d questions",
		times, took.Round(time.Second), c.visits.Load(), c.exchanges.Load(), c.polls.Load(), c.fins.Load(), c.questions.Load())
}

// TestHandoverTellsWhatIsLearnedLate opens a session through the old process when
// the new one has taken over already: the new one learns of it all the same.
func TestHandoverTellsWhatIsLearnedLate(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 2)
	p := startInherited(t, backends, 20*time.Second)
	poll := openSessions(t, 1, sessionConfig{URL: p.url()})[0] // keeps the old process from ending
	hanging := make(chan error, 1)
	go func() {
		_, err := poll.ask(context.Background(), http.MethodGet, "")
		hanging <- err
	}()
	p.awaitFigures(t, func(f figures) bool { return f.Requests == 1 })
	kept := keepingAlive()
	if _, err := kept.Get(p.url() + "/"); err != nil { // its body is empty: the connection is free
		t.Fatal(err)
	}
	old := p.succeed(t)
	late := &session{sessionConfig: sessionConfig{URL: p.url(), EIO: 4, HTTP: kept}}
	r, err := late.ask(context.Background(), http.MethodGet, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := late.take(r); err != nil {
		t.Fatal(err)
	}
	p.awaitFigures(t, func(f figures) bool { return p.pinOf(t, late.SID) == "learned" })
	if err := late.post("40"); err != nil {
		t.Error(err)
	}
	if f := p.figures(t); f.Searches.Begun > 0 {
		t.Errorf("%d searches, want none", f.Searches.Begun)
	}
	old.signal(t, 15) // asks for what it does already
	if err := poll.post(event(1, "up", 1, text(1))); err != nil {
		t.Error(err)
	}
	if err := <-hanging; err != nil {
		t.Errorf("the poll that waited in the old process: %v", err)
	}
	if code := old.waitExit(t, 20*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// pinOf asks what ties a session to its backend; "" if it is not known.
func (p *countingProxy) pinOf(t *testing.T, sid string) string {
	t.Helper()
	res, err := anyAddress.Get("http://" + p.admin + "/sessions/" + sid)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var known struct{ Pin string }
	if err := json.NewDecoder(res.Body).Decode(&known); err != nil {
		t.Fatal(err)
	}
	return known.Pin
}
