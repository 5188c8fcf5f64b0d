package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestOthersComeAndGo kills two backends of three at once under load, and
// starts them again: the sessions of the third neither move nor break, whatever
// their client is.
func TestOthersComeAndGo(t *testing.T) {
	backends := startBackends(t, "js4", 3)
	p := startProxy(t, proxyConfig{Backends: backends, Args: []string{"--health-interval", "300ms"}})
	groups := []*clients{
		startClients(t, clientsConfig{URL: p.url(), Mode: "polling", Count: inForm(9, 30)}),
		startClients(t, clientsConfig{URL: p.url(), Mode: "default", Version: "2", Count: inForm(9, 30)}),
	}
	before := summaries(t, groups)
	survivor, others := backends[0], backends[1:]
	mayBreak := func(server string) bool { return server != survivor.id }
	l := startLoad(t, inForm(18, 60), sessionConfig{URL: p.url()}, mayBreak)
	for death := 1; death <= inForm(1, 5); death++ {
		for _, b := range others {
			b.kill(t)
		}
		awaitState(t, p, others, "backend down", death)
		l.await(t, 100, survivor.id)
		for _, b := range others {
			b.restart(t)
		}
		awaitState(t, p, others, "backend up", death+1)
		l.await(t, 100, survivor.id)
	}
	for _, problem := range l.end() {
		t.Error(problem)
	}
	checkStayed(t, l, survivor)
	for i, c := range groups {
		checkStayedClients(t, c, before[i], c.exchange(t), survivor)
	}
	t.Logf("%d sessions of other backends were opened anew", l.broken.Load())
}

// TestOthersRemovedAndAdded takes two backends of three out of the configuration
// under load, and puts them in again: nobody's session moves or breaks, not even
// those of the two, and only new sessions notice.
func TestOthersRemovedAndAdded(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 3)
	file := filepath.Join(t.TempDir(), "backends")
	list(t, file, backends)
	p := startCountingProxy(t, proxyConfig{Args: []string{"--discover", "file://" + file}})
	l := startLoad(t, inForm(18, 60), sessionConfig{URL: p.url()}, func(string) bool { return false })
	survivor, others := backends[0], backends[1:]

	list(t, file, backends[:1])
	for _, b := range others {
		p.awaitState(t, b, "draining")
	}
	for _, s := range openSessions(t, 6, sessionConfig{URL: p.url()}) {
		if s.Server != survivor.id {
			t.Errorf("a new session is on %s, which has been removed", s.Server)
		}
	}
	l.await(t, 100, survivor.id)
	l.await(t, 100, others[0].id)

	list(t, file, backends)
	for _, b := range others {
		p.awaitState(t, b, "up")
		openOn(t, p, sessionConfig{URL: p.url()}, b)
	}
	for _, problem := range l.end() {
		t.Error(problem)
	}
	for _, b := range backends {
		checkStayed(t, l, b)
	}
}

// list writes the file that says which backends there are.
func list(t *testing.T, file string, backends []*backend) {
	t.Helper()
	var lines strings.Builder
	for _, b := range backends {
		fmt.Fprintf(&lines, "%s=%s\n", b.id, b.url())
	}
	if err := os.WriteFile(file+".new", []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// awaitState waits until the proxy has said the same of each backend n times.
func awaitState(t *testing.T, p *proxy, backends []*backend, msg string, n int) {
	t.Helper()
	for _, b := range backends {
		p.waitCount(t, 10*time.Second, n, fields{"msg": msg, "backend": b.id})
	}
}

func summaries(t *testing.T, groups []*clients) (all []summary) {
	t.Helper()
	for _, c := range groups {
		all = append(all, c.summary(t))
	}
	return all
}

// checkStayed compares the sessions of the load that began on a backend with
// what has become of them.
func checkStayed(t *testing.T, l *load, on *backend) {
	t.Helper()
	var stayed []*session
	began, gone := 0, 0
	for i, was := range l.opened {
		if was.server != on.id {
			continue
		}
		began++
		if s := l.sessions[i]; s.SID == was.sid {
			stayed = append(stayed, s)
		} else {
			gone++
		}
	}
	if began == 0 || gone > 0 {
		t.Errorf("%d of %d sessions of the load are not on %s any more", gone, began, on.id)
	}
	for _, problem := range exchangeAll(stayed, 1) {
		t.Errorf("sessions of %s: %s", on.id, problem)
	}
}

func checkStayedClients(t *testing.T, c *clients, before, after summary, on *backend) {
	t.Helper()
	for i, r := range after.Clients {
		was := before.Clients[i]
		if was.Server != on.id {
			continue
		}
		if r.SID != was.SID || r.Disconnects > 0 || r.Transport != was.Transport {
			t.Errorf("%s: client %d of %s did not stay: %+v", c.name, i, on.id, r)
		}
		if !r.Done || r.Lost+r.Duplicated+r.Reordered+r.Garbled > 0 || r.BlobsIntact < r.BlobsSent {
			t.Errorf("%s: client %d of %s: %+v", c.name, i, on.id, r)
		}
	}
}
