package main_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestRollingRestartInPlace restarts three backends of three, one after the other,
// as docs/operating.md says. A client of the first must move on to the second or
// the third, and so once more: 4/3 moves for each are the least that any order of
// things can reach, and leave the last backend empty, until clients come and go.
func TestRollingRestartInPlace(t *testing.T) {
	t.Parallel()
	r := startRolling(t, 3)
	for _, b := range r.backends {
		r.command(t, "drain", "--now", b.id)
		r.stop(t, b)
		r.proxy.waitLog(t, 20*time.Second, "backend down", fields{"backend": b.id}) // a restart takes that long
		b.restart(t)
		r.command(t, "undrain", "--wait", b.id)
		if now := r.proxy.figures(t).find(b.id); now.State != "up" || now.Weight != 1 {
			t.Errorf("after undrain --wait: %+v, want it to be up with its whole weight", now)
		}
	}
	r.check(t, 1.35)
	t.Logf("sessions right after the last restart: %v", r.held(t))
	r.renew(t)
	for again := 0; again < 2 && r.imbalance(t) > mostImbalance; again++ { // those who left may nearly all have been at one backend
		r.renew(t)
	}
	r.checkBalance(t)
}

// TestRollingRestartWithSurge replaces three backends by three new ones, each of
// which joins before an old one leaves.
func TestRollingRestartWithSurge(t *testing.T) {
	t.Parallel()
	r := startRolling(t, 6)
	listed := slices.Clone(r.backends[:3])
	for i, fresh := range r.backends[3:] {
		old := listed[i]
		r.list(t, append(listed, fresh))
		r.await(t, func(f figures) bool {
			joined := f.find(fresh.id)
			return joined.Health.Status == "up" && joined.Weight == 1
		})
		listed[i] = fresh
		r.list(t, listed)
		r.await(t, func(f figures) bool {
			left := f.find(old.id)
			return left.State != "up" && left.Sessions+left.InFlight == 0
		})
		r.stop(t, old)
	}
	r.check(t, 1.05)
	r.checkBalance(t)
}

// rolling is a fleet of which one backend after the other is replaced, by a proxy
// with a slow start and a limit of handshakes.
type rolling struct {
	file     string
	backends []*backend
	proxy    *countingProxy
	groups   []*movers // those that have been there the longest first
	stopped  []*process
	rate     int
	clients  int
}

// startRolling starts n backends, of which three are listed, and their clients.
func startRolling(t *testing.T, n int) *rolling {
	t.Helper()
	times := inForm(1, 10)
	r := &rolling{file: filepath.Join(t.TempDir(), "backends"), backends: startBackends(t, "js4", n), rate: 75, clients: 60 * times}
	list(t, r.file, r.backends[:3])
	r.proxy = startCountingProxy(t, proxyConfig{Args: []string{
		"--discover", "file://" + r.file, "--drain-timeout", "0s", "--slow-start", inForm("1s", "10s"),
		"--handshake-rate", fmt.Sprint(r.rate), "--handshake-burst", "15",
		"--health-interval", "300ms", "--health-timeout", "5s",
	}})
	for _, b := range r.backends[:3] {
		r.proxy.awaitState(t, b, "up")
	}
	for _, cfg := range []clientsConfig{{Count: 15}, {Count: 20}, {Count: 15, Mode: "polling"}, {Count: 10, Version: "2"}} {
		r.start(t, cfg)
	}
	return r
}

// start starts so many clients in the short form, and waits until they are at rest.
func (r *rolling) start(t *testing.T, cfg clientsConfig) {
	t.Helper()
	cfg.URL, cfg.Count = r.proxy.url(), cfg.Count*r.clients/60
	cfg.Args = []string{"--rounds", "1", "--sizes", "10", "--big", "0", "--ramp", "10"}
	g := &movers{clients: startClients(t, cfg), count: cfg.Count, on: map[string]string{}}
	g.summary(t)
	g.awaitWelcomes(t, g.count)
	r.groups = append(r.groups, g)
}

func (r *rolling) list(t *testing.T, backends []*backend) {
	t.Helper()
	list(t, r.file, backends)
	r.proxy.signal(t, syscall.SIGHUP)
}

// await asks for the figures every now and then, so that servers and clients get on.
func (r *rolling) await(t *testing.T, wanted func(figures) bool) {
	t.Helper()
	r.proxy.awaitFiguresWithin(t, time.Minute, func(f figures) bool {
		if !wanted(f) {
			<-time.After(50 * time.Millisecond)
			return false
		}
		return true
	})
}

func (r *rolling) stop(t *testing.T, b *backend) {
	t.Helper()
	r.stopped = append(r.stopped, b.process)
	b.signal(t, syscall.SIGTERM)
	b.waitExit(t, 10*time.Second)
}

func (r *rolling) command(t *testing.T, args ...string) {
	t.Helper()
	_, stderr, code := runCommand(t, append(args, "--admin", r.proxy.admin)...)
	if code != 0 {
		t.Errorf("holdfast %q: exit code %d, stderr:\n%s", args, code, stderr)
	}
}

// check waits until all clients are back, and says what their way was like.
func (r *rolling) check(t *testing.T, most float64) {
	t.Helper()
	moves := 0
	for _, g := range r.groups {
		ends := g.find(fields{"event": "disconnect"})
		g.awaitWelcomes(t, g.count+len(ends)-g.seen)
		moves += len(ends)
		for _, event := range []string{"connect_error", "upgrade_error"} {
			for _, l := range g.find(fields{"event": event}) {
				t.Errorf("%s: %s", g.name, l.text)
			}
		}
	}
	each := float64(moves) / float64(r.clients)
	t.Logf("%d clients have moved %d times, %.3f times each", r.clients, moves, each)
	if each > most {
		t.Errorf("that is %.3f times, want at most %.2f", each, most)
	}
	busy := 0
	for _, p := range slices.Concat(r.stopped, processesOf(r.backends)) {
		busy = max(busy, busiest(times(p.find(fields{"event": "session"})), time.Second))
	}
	t.Logf("at most %d handshakes in a second at a backend", busy)
	if limit := 15 + r.rate*5/2; busy > limit { // a busy machine gives a second those of its neighbours as well
		t.Errorf("a backend got %d handshakes in a second, want at most %d", busy, limit)
	}
}

// renew has those clients leave that have been there the longest, a quarter of all or a third, and as many come.
func (r *rolling) renew(t *testing.T) {
	t.Helper()
	leavers := r.groups[0]
	leavers.command(t, fields{"cmd": "close"})
	leavers.waitExit(t, 10*time.Second)
	r.groups = r.groups[1:]
	r.start(t, clientsConfig{Count: leavers.count * 60 / r.clients})
}

// held counts the clients of each of the backends that run.
func (r *rolling) held(t *testing.T) map[string]int {
	t.Helper()
	held := map[string]int{}
	for _, g := range r.groups {
		for _, c := range g.exchange(t).Clients {
			held[c.Server]++
			if !c.Done || c.Lost+c.Duplicated+c.Reordered+c.Garbled > 0 {
				t.Errorf("%s: %+v", g.name, c)
			}
		}
	}
	return held
}

// mostImbalance is how many times the mean the busiest backend may have in the end.
const mostImbalance = 1.2

// imbalance is how many times the mean the busiest backend has.
func (r *rolling) imbalance(t *testing.T) float64 {
	t.Helper()
	held, most := r.held(t), 0
	for _, n := range held {
		most = max(most, n)
	}
	ratio := float64(most) * 3 / float64(r.clients)
	t.Logf("sessions: %v, max/mean %.2f", held, ratio)
	return ratio
}

func (r *rolling) checkBalance(t *testing.T) {
	t.Helper()
	if ratio := r.imbalance(t); ratio > mostImbalance {
		t.Errorf("the busiest backend has %.2f times the mean, want at most %v", ratio, mostImbalance)
	}
}

func times(lines []line) (list []time.Time) {
	for _, l := range lines {
		list = append(list, l.at())
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}

// find returns the figures of a backend, none if there is no such.
func (f figures) find(id string) backendFigures {
	for _, b := range f.Backends {
		if b.ID == id {
			return b
		}
	}
	return backendFigures{}
}
