package main_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestDrainMovesClients drains a backend by the command, and then one by taking it out of its list: its clients are back on
// others within three seconds, without an error event, no faster than --drain-rate, whatever their version, transport and
// language, also those that receive binary events meanwhile. Clients of other backends notice nothing.
func TestDrainMovesClients(t *testing.T) {
	t.Parallel()
	d := startDraining(t, inForm(1, 20), inForm(25, 50))
	d.move(t, d.backends[0], func(b *backend) {
		w := start(t, "holdfast drain", holdfast(t), "drain", "--now", b.id, "--admin", d.proxy.admin)
		if code := w.waitExit(t, 2*time.Minute); code != 0 {
			t.Errorf("holdfast drain: exit code %d\n%s", code, w.tail(5))
		}
	})
	if _, stderr, code := runCommand(t, "undrain", d.backends[0].id, "--admin", d.proxy.admin); code != 0 {
		t.Errorf("holdfast undrain: exit code %d, stderr:\n%s", code, stderr)
	}
	d.move(t, d.backends[1], func(b *backend) {
		d.list(t, d.backends[0], d.backends[2])
	})
}

// draining is a proxy over three backends that are listed in a file, with clients of all kinds.
type draining struct {
	rate     int
	file     string
	backends []*backend
	proxy    *countingProxy
	groups   []*movers
}

// movers are clients, all in one process.
type movers struct {
	*clients
	count   int
	script  bool              // they are JavaScript, and can exchange messages
	streams bool              // they receive binary events when they are moved
	on      map[string]string // servers by client
	seen    int               // lines of welcome
}

// startDraining starts times × 50 clients, all of them on the first backend.
func startDraining(t *testing.T, times, rate int) *draining {
	t.Helper()
	d := &draining{rate: rate, file: filepath.Join(t.TempDir(), "backends"), backends: startBackends(t, "js4", 3)}
	list(t, d.file, d.backends[:1])
	d.proxy = startCountingProxy(t, proxyConfig{Args: []string{
		"--discover", "file://" + d.file, "--drain-timeout", "0s", "--drain-rate", fmt.Sprint(rate),
		"--health-timeout", "10s", // a thousand clients that begin at once keep a server busy
	}})
	for _, cfg := range []clientsConfig{
		{Mode: "default", Count: 15}, {Mode: "polling", Count: 10}, {Mode: "default", Version: "3", Count: 5},
		{Mode: "default", Version: "2", Count: 5}, {Mode: "polling", Version: "2", Count: 5},
	} {
		cfg.URL, cfg.Count = d.proxy.url(), cfg.Count*times
		cfg.Args = []string{"--rounds", "1", "--sizes", "10", "--big", "0", "--ramp", inForm("10", "50")}
		d.groups = append(d.groups, &movers{clients: startClients(t, cfg), count: cfg.Count, script: true, streams: cfg.Version != ""})
	}
	for _, mode := range []string{"polling", "default"} {
		d.groups = append(d.groups, startPythonClients(t, d.proxy.url(), mode, 5*times))
	}
	for _, g := range d.groups {
		g.waitCount(t, exchangeTime, g.count, fields{"event": "welcome"})
		if g.script {
			g.summary(t)
		}
	}
	for _, g := range d.groups { // once all are at rest: some may have had to begin twice
		g.on = map[string]string{}
		g.awaitWelcomes(t, g.count)
	}
	d.list(t, d.backends...)
	return d
}

// startPythonClients starts clients that exchange a message in each session before they say welcome.
func startPythonClients(t *testing.T, url, mode string, count int) *movers {
	t.Helper()
	name := fmt.Sprintf("%d %s clients in Python", count, mode)
	p := start(t, name, debianPython(t), socketIODir(t)+"/clients.py", "--url", url, "--mode", mode, "--count", fmt.Sprint(count))
	return &movers{clients: &clients{process: p}, count: count}
}

// list makes these the proxy's backends.
func (d *draining) list(t *testing.T, backends ...*backend) {
	t.Helper()
	list(t, d.file, backends)
	d.proxy.signal(t, syscall.SIGHUP)
	for _, b := range backends {
		d.proxy.awaitState(t, b, "up")
	}
}

// awaitWelcomes waits for so many new sessions, and returns their lines.
func (g *movers) awaitWelcomes(t *testing.T, n int) []line {
	t.Helper()
	fresh := g.waitCount(t, exchangeTime, g.seen+n, fields{"event": "welcome"})[g.seen:]
	for _, l := range fresh {
		g.on[l.str("client")] = l.str("server")
	}
	g.seen += len(fresh)
	return fresh
}

// move drains a backend and checks the way of its clients.
func (d *draining) move(t *testing.T, from *backend, drain func(*backend)) {
	t.Helper()
	moving := 0
	for _, g := range d.groups {
		moving += len(g.clientsOn(from))
		if g.streams {
			g.stream(t, from)
		}
	}
	began := time.Now()
	drain(from)
	var away latencies
	for _, g := range d.groups {
		away = append(away, g.checkMoved(t, from, began)...)
	}
	slices.Sort(away)
	t.Logf("%d clients of %s were away, half of them for %v, one for %v", moving, from.id, away.quantile(0.5), away.quantile(1))
	if late := away.quantile(0.98); late > 3*time.Second || len(away) != moving { // on a busy machine any single one may be late
		t.Errorf("%d came back, and of a hundred two after %v; want %d, within 3 s", len(away), late, moving)
	}
	d.checkPace(t, moving, began)
	for _, g := range d.groups {
		if g.script {
			g.checkExchange(t)
		}
	}
}

// clientsOn returns the clients whose session is on that backend.
func (g *movers) clientsOn(b *backend) (list []string) {
	for client, server := range g.on {
		if server == b.id {
			list = append(list, client)
		}
	}
	return list
}

// stream has binary events come to that backend's clients from now on, each attachment 40 ms behind its header, with half a
// second of silence between two events. A server that stalls for 200 ms in between would be cut there.
func (g *movers) stream(t *testing.T, on *backend) {
	t.Helper()
	already := len(g.find(fields{"event": "streaming"}))
	g.command(t, fields{"cmd": "stream", "server": on.id, "every": 600, "gap": 40})
	g.waitCount(t, exchangeTime, already+len(g.clientsOn(on)), fields{"event": "streaming"})
}

// checkMoved waits until the group's clients of that backend are back, says what was wrong with their way, and returns how
// long each was away.
func (g *movers) checkMoved(t *testing.T, from *backend, began time.Time) (away latencies) {
	t.Helper()
	moving := g.clientsOn(from)
	fresh := g.awaitWelcomes(t, len(moving))
	left := map[string]time.Time{}
	for _, l := range g.find(fields{"event": "disconnect"}) {
		if l.at().Before(began.Truncate(time.Millisecond)) {
			continue
		}
		if reason := l.str("reason"); g.script && reason != "transport close" {
			t.Errorf("%s: client %s was disconnected by %q", g.name, l.str("client"), reason)
		}
		left[l.str("client")] = l.at()
	}
	for _, l := range fresh {
		away = append(away, l.at().Sub(left[l.str("client")]))
		if client := l.str("client"); !slices.Contains(moving, client) || l.str("server") == from.id {
			t.Errorf("%s: client %s came to %s when %s was drained", g.name, client, l.str("server"), from.id)
		}
	}
	if len(left) != len(moving) {
		t.Errorf("%s: %d clients were disconnected, want the %d of %s", g.name, len(left), len(moving), from.id)
	}
	for _, event := range []string{"connect_error", "upgrade_error"} {
		for _, l := range g.find(fields{"event": event}) {
			if l.at().After(began) {
				t.Errorf("%s: %s", g.name, l.text)
			}
		}
	}
	return away
}

// checkExchange has the clients exchange messages in the sessions that they have now.
func (g *movers) checkExchange(t *testing.T) {
	t.Helper()
	var all tally
	for _, r := range g.exchange(t).Clients {
		all.add("clients that did not finish", count(!r.Done))
		all.add("lost, duplicated, reordered or garbled messages", r.Lost+r.Duplicated+r.Reordered+r.Garbled)
	}
	for _, problem := range all.lines() {
		t.Errorf("%s, after the move: %s", g.name, problem)
	}
}

// checkPace requires that the others got the clients no faster than they were to be moved. A client waits half a second to
// one and a half before it comes back, and a server may stall, so that a single second may see more than its share.
func (d *draining) checkPace(t *testing.T, moved int, began time.Time) {
	t.Helper()
	var came []time.Time
	for _, b := range d.backends {
		for _, l := range b.find(fields{"event": "connect"}) {
			if l.at().After(began) {
				came = append(came, l.at())
			}
		}
	}
	slices.SortFunc(came, time.Time.Compare)
	if len(came) != moved {
		t.Errorf("there were %d handshakes, want %d", len(came), moved)
	}
	second, tenth := busiest(came, time.Second), busiest(came, 10*time.Second)
	t.Logf("handshakes: %d in the busiest second, %.1f a second in the busiest ten", second, float64(tenth)/10)
	if allowed := d.rate * 11 / 10; tenth > 10*allowed || second > allowed+d.rate/2 {
		t.Errorf("want at most %d handshakes a second", allowed)
	}
}

// busiest returns how many of the sorted times lie in one span at most.
func busiest(times []time.Time, span time.Duration) (most int) {
	for i, first := range times {
		n, _ := slices.BinarySearchFunc(times, first.Add(span), time.Time.Compare)
		most = max(most, n-i)
	}
	return most
}
