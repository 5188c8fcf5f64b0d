package main_test

import (
	"fmt"
	"testing"
	"time"
)

// TestRestartKeepsSessions kills the proxy as kill -9 does and starts it again:
// every polling session without a request in flight still reaches its backend,
// though no client has a cookie and all have one IP. Nothing is lost or
// duplicated; with tags, nothing is searched for.
func TestRestartKeepsSessions(t *testing.T) {
	t.Parallel()
	node := startBackends(t, "js4", 3)
	python := startBackends(t, "python", inForm(2, 3)) // slow to start
	for _, tagged := range []bool{false, true} {
		t.Run(fmt.Sprintf("--sid-tag=%t", tagged), func(t *testing.T) {
			rows := []restartRow{
				{name: "version 4 on Node", backends: node, eio: 4, count: inForm(30, 334)},
				{name: "version 2 on Node", backends: node, eio: 3, count: inForm(30, 333)},
				{name: "version 4 on Python", backends: python, eio: 4, count: inForm(30, 333)},
			}
			for i := range rows {
				rows[i].open(t, tagged)
			}
			for _, r := range rows {
				r.kill(t)
			}
			for _, r := range rows {
				r.proxy.restart(t)
				r.check(t, tagged)
			}
		})
	}
}

// restartRow is a proxy over one kind of servers with one kind of sessions.
type restartRow struct {
	name     string
	backends []*backend
	eio      int
	count    int

	proxy    *countingProxy
	sessions []*session
}

// open connects the sessions, and has each of them exchange messages once.
func (r *restartRow) open(t *testing.T, tagged bool) {
	t.Helper()
	r.proxy = startCountingProxy(t, proxyConfig{
		Backends: r.backends, Args: []string{fmt.Sprintf("--sid-tag=%t", tagged), "--secret", "of all restarts"},
	})
	r.sessions = openSessions(t, r.count, sessionConfig{URL: r.proxy.url(), EIO: r.eio})
	if f := r.proxy.figures(t); f.Searches.Begun > 0 {
		t.Errorf("%s: %d searches before the restart", r.name, f.Searches.Begun)
	}
}

func (r *restartRow) kill(t *testing.T) { r.proxy.kill(t) }

// check has every session exchange messages again, and counts.
func (r *restartRow) check(t *testing.T, tagged bool) {
	t.Helper()
	began := time.Now()
	problems := exchangeAll(r.sessions, 3)
	took := time.Since(began)
	for _, problem := range problems {
		t.Errorf("%s, after the restart: %s", r.name, problem)
	}
	f := r.proxy.figures(t)
	searches := f.Searches.Begun
	if want := r.count * count(!tagged || r.eio == 3); searches != want {
		t.Errorf("%s: %d searches for %d sessions, want %d", r.name, searches, r.count, want)
	}
	if f.perSearch() > float64(2*len(r.backends)) {
		t.Errorf("%s: %.1f backend requests per search", r.name, f.perSearch())
	}
	t.Logf("%s: %d sessions, %d kinds of problems, %d searches of %.2f backend requests each, %v for 3 messages each way and the counts",
		r.name, r.count, len(problems), searches, f.perSearch(), took.Round(time.Millisecond))
}
