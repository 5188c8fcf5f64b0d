package main_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestDrainMovesClientsElsewhere has all clients on one backend, and drains that by the command and, with other clients,
// by taking it out of a file: all of them are back on others within three seconds, without an error event, no faster
// than --drain-rate, whatever their version, transport and language, also those that receive binary events meanwhile.
func TestDrainMovesClientsElsewhere(t *testing.T) {
	t.Parallel()
	rate := inForm(25, 50)
	for name, d := range map[string]*draining{
		"by the command": {each: inForm(1, 18), drain: func(t *testing.T, d *draining) {
			w := start(t, "holdfast drain", holdfast(t), "drain", "--now", d.leaving.id, "--admin", d.proxy.admin)
			if code := w.waitExit(t, 2*time.Minute); code != 0 {
				t.Errorf("holdfast drain: exit code %d\n%s", code, w.tail(5))
			}
		}},
		"by its leaving the list": {each: inForm(1, 4), drain: func(t *testing.T, d *draining) {
			list(t, d.file, d.backends[1:])
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d.rate = rate
			d.begin(t)
			d.drain(t, d)
			d.checkMoved(t)
		})
	}
}

// draining is a backend with clients of all kinds, and two others.
type draining struct {
	each  int // times 55 clients
	rate  int
	drain func(*testing.T, *draining)

	file     string
	backends []*backend
	leaving  *backend
	proxy    *countingProxy
	groups   []*movers
	before   map[*movers]summary
}

// movers are clients that are to move.
type movers struct {
	*clients
	count    int
	script   bool // they are JavaScript, and can exchange messages
	streamed bool // they receive binary events when they are moved
}

// begin has every client on the first backend, and the others ready.
func (d *draining) begin(t *testing.T) {
	d.backends = startBackends(t, "js4", 3)
	d.leaving = d.backends[0]
	d.file = filepath.Join(t.TempDir(), "backends")
	list(t, d.file, d.backends[:1])
	d.proxy = startCountingProxy(t, proxyConfig{Args: []string{
		"--discover", "file://" + d.file, "--drain-timeout", "0s", "--drain-rate", fmt.Sprint(d.rate),
	}})
	light := []string{"--rounds", "1", "--sizes", "10", "--big", "0", "--ramp", "10"}
	for _, cfg := range []clientsConfig{
		{Mode: "default", Count: 15}, {Mode: "polling", Count: 10}, {Mode: "default", Version: "3", Count: 5},
		{Mode: "default", Version: "2", Count: 10}, {Mode: "polling", Version: "2", Count: 5},
	} {
		cfg.URL, cfg.Args, cfg.Count = d.proxy.url(), light, cfg.Count*d.each
		d.groups = append(d.groups, &movers{clients: startClients(t, cfg), count: cfg.Count, script: true, streamed: cfg.Version != ""})
	}
	for _, mode := range []string{"polling", "default"} {
		d.groups = append(d.groups, startPythonClients(t, d.proxy.url(), mode, 5*d.each))
	}
	for _, g := range d.groups {
		g.settle(t)
	}
	list(t, d.file, d.backends)
	for _, b := range d.backends {
		d.proxy.awaitState(t, b, "up")
	}
}

// startPythonClients starts clients that exchange a message in each session before they say welcome.
func startPythonClients(t *testing.T, url, mode string, count int) *movers {
	t.Helper()
	name := fmt.Sprintf("%d %s clients in Python", count, mode)
	p := start(t, name, debianPython(t), socketIODir(t)+"/clients.py", "--url", url, "--mode", mode, "--count", fmt.Sprint(count))
	return &movers{clients: &clients{process: p}, count: count}
}

// settle waits until the clients are connected and have exchanged messages, and streams come.
func (g *movers) settle(t *testing.T) {
	t.Helper()
	g.waitCount(t, exchangeTime, g.count, fields{"event": "welcome"})
	if g.script {
		g.summary(t)
	}
	if g.streamed {
		g.command(t, fields{"cmd": "stream", "every": 600, "gap": 150})
		g.waitCount(t, exchangeTime, g.count, fields{"event": "streaming"})
	}
}

// checkMoved waits until all clients are back and says what was wrong with their way.
func (d *draining) checkMoved(t *testing.T) {
	t.Helper()
	total := 0
	var away latencies
	for _, g := range d.groups {
		g.waitCount(t, 2*time.Minute, 2*g.count, fields{"event": "welcome"})
		away = append(away, g.checkMoved(t, d.leaving)...)
		total += g.count
	}
	slices.Sort(away)
	if last := away[len(away)-1]; last > 3*time.Second {
		t.Errorf("one client was away for %v, want 3 s at most", last)
	}
	d.checkPace(t, total)
	t.Logf("%d clients were away for: %v", total, away)
}

// checkMoved says what was wrong with the way of a group's clients, and returns how long each was away.
func (g *movers) checkMoved(t *testing.T, from *backend) (away latencies) {
	t.Helper()
	left := map[string]time.Time{}
	for _, l := range g.find(fields{"event": "disconnect"}) {
		if reason := l.str("reason"); g.script && reason != "transport close" {
			t.Errorf("%s: client %s was disconnected by %q", g.name, l.str("client"), reason)
		}
		left[l.str("client")] = l.at()
	}
	for _, l := range g.find(fields{"event": "welcome"})[g.count:] {
		away = append(away, l.at().Sub(left[l.str("client")]))
		if l.str("server") == from.id {
			t.Errorf("%s: client %s came back to %s", g.name, l.str("client"), from.id)
		}
	}
	if len(left) != g.count || len(away) != g.count {
		t.Errorf("%s: %d of %d were disconnected, %d came back", g.name, len(left), g.count, len(away))
	}
	for _, event := range []string{"connect_error", "upgrade_error"} {
		if lines := g.find(fields{"event": event}); len(lines) > 0 {
			t.Errorf("%s: %d times %s, such as %s", g.name, len(lines), event, lines[0].text)
		}
	}
	if g.script {
		g.checkExchange(t)
	}
	return away
}

// checkExchange has the clients exchange messages in their new sessions.
func (g *movers) checkExchange(t *testing.T) {
	t.Helper()
	var all tally
	for _, r := range g.exchange(t).Clients {
		all.add("clients that did not finish", count(!r.Done))
		all.add("lost, duplicated, reordered or garbled messages", r.Lost+r.Duplicated+r.Reordered+r.Garbled)
		all.add("clients with other than two sessions", count(r.Welcomes != 2))
	}
	for _, problem := range all.lines() {
		t.Errorf("%s, after their move: %s", g.name, problem)
	}
}

// checkPace requires that the others got the clients no faster than they were to be moved. A client waits half a second to
// one and a half before it comes back, so that a single second may see more than its share.
func (d *draining) checkPace(t *testing.T, total int) {
	t.Helper()
	var came []time.Time
	for _, b := range d.backends[1:] {
		for _, l := range b.find(fields{"event": "connect"}) {
			came = append(came, l.at())
		}
	}
	slices.SortFunc(came, time.Time.Compare)
	if len(came) != total {
		t.Errorf("the others got %d handshakes from %d clients", len(came), total)
	}
	second, fourth := busiest(came, time.Second), busiest(came, 4*time.Second)
	t.Logf("handshakes at the others: %d in the busiest second, %.1f a second in the busiest four, %v in all",
		second, float64(fourth)/4, came[len(came)-1].Sub(came[0]).Round(time.Millisecond))
	if allowed := d.rate * 11 / 10; fourth > 4*allowed || second > allowed+d.rate/2 {
		t.Errorf("want at most %d a second", allowed)
	}
}

// busiest returns how many of the times lie in one span at most.
func busiest(times []time.Time, span time.Duration) (most int) {
	for i, first := range times {
		n, _ := slices.BinarySearchFunc(times, first.Add(span), time.Time.Compare)
		most = max(most, n-i)
	}
	return most
}
