package main_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestOwnerDies makes one backend of three ill in several ways. Those who wait
// at it are told as soon as it is known to be dead, in the form that brings them
// back soonest; where the process is gone its own FINs tell them before that. From
// then on its sids are refused without a delay, also when it is back. Nobody else
// notices.
func TestOwnerDies(t *testing.T) {
	backends := startFaulty(t, 3)
	byItself := map[string]string{
		"poll of a browser": "200 close packet", "poll of a browser, EIO=3": "200 close packet", "poll of Node": "200 close packet",
		"poll of Python": "502",
		"tunnel":         "FIN", "POST that comes later": "502",
	}
	byUs := map[string]string{
		"poll of a browser": "200 close packet", "poll of a browser, EIO=3": "200 close packet", "poll of Node": "200 close packet",
		"poll of Python": "400 code 1", "tunnel": "FIN", "POST that comes later": "400 code 1",
	}
	bySlowness := maps.Clone(byUs)
	delete(bySlowness, "POST that comes later") // its reply may or may not come before the end
	interval, timeout := inForm(500*time.Millisecond, 2*time.Second), inForm(500*time.Millisecond, time.Second)
	args := []string{
		"--health-interval", interval.String(), "--health-timeout", timeout.String(), "--health-fall", "3", "--secret", "of the dead",
	}
	checks := 3*interval + timeout
	restarted := func(b *backend) { b.restart(t) }
	thawed := func(b *backend) { b.signal(t, syscall.SIGCONT) }
	replaced := func(b *backend) { b.kill(t); b.restart(t) }
	tests := []illness{
		{name: "killed", signal: syscall.SIGKILL, cure: restarted, told: byItself},
		{name: "frozen", signal: syscall.SIGSTOP, cure: thawed, told: byUs, within: checks},
		{name: "2 s late with every reply", signal: syscall.SIGHUP, cure: replaced, told: bySlowness, within: checks},
	}
	if *long {
		tests = append(tests, illness{name: "frozen, and sids are tagged", signal: syscall.SIGSTOP, cure: thawed, told: byUs, within: checks, tagged: true})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tag := fmt.Sprintf("--sid-tag=%t", test.tagged)
			test.run(t, startCountingProxy(t, proxyConfig{Backends: backends, Args: append([]string{tag}, args...)}), backends)
		})
	}
}

// illness is what befalls a backend, and what those who have a session there
// are told, at the latest after that time and what a busy machine adds.
type illness struct {
	name   string
	signal syscall.Signal
	cure   func(*backend)
	told   map[string]string
	within time.Duration
	tagged bool // so that sids name their backend
}

func (i illness) run(t *testing.T, p *countingProxy, backends []*backend) {
	ill := backends[0]
	waiting := openWitnesses(t, p, ill)
	idle := openOn(t, p, sessionConfig{URL: p.url()}, ill)
	var untouched []*session
	for _, b := range backends[1:] {
		untouched = append(untouched, openOn(t, p, sessionConfig{URL: p.url()}, b))
	}
	later := openOn(t, p, sessionConfig{URL: p.url()}, ill)
	told := wait(t, p, waiting)

	began := time.Now()
	ill.signal(t, i.signal)
	post := &witness{name: "POST that comes later", wait: func() string { return kindOf(later.ask(context.Background(), http.MethodPost, "3")) }}
	go post.tell(told)
	for range len(waiting) + 1 {
		i.check(t, <-told, began)
	}
	p.awaitState(t, ill, "down")
	t.Logf("known to be dead after %v", time.Since(began).Round(time.Millisecond))
	checkRefused(t, idle)
	i.cure(ill)
	p.awaitState(t, ill, "up")
	checkRefused(t, idle)
	untouched = append(untouched, openOn(t, p, sessionConfig{URL: p.url()}, ill))
	for _, problem := range exchangeAll(untouched, 3) {
		t.Errorf("sessions of other backends, and of the next life: %s", problem)
	}
}

func (i illness) check(t *testing.T, w *witness, began time.Time) {
	t.Helper()
	const busy = 3 * time.Second
	after := w.at.Sub(began)
	t.Logf("%s: %s after %v", w.name, w.told, after.Round(time.Millisecond))
	if want := i.told[w.name]; w.told != want && want != "" {
		t.Errorf("%s: told by %s, want %s", w.name, w.told, want)
	}
	if after > i.within+busy {
		t.Errorf("%s: told after %v, want %v", w.name, after, i.within)
	}
}

// checkRefused requires that a dead sid is refused at once: no backend is asked
// or waited for. On a busy machine any single reply may be late.
func checkRefused(t *testing.T, s *session) {
	t.Helper()
	var took latencies
	for range 20 {
		r, err := s.ask(context.Background(), http.MethodPost, s.heartbeat())
		if told := kindOf(r, err); told != "400 code 1" {
			t.Fatalf("request of a dead session: told by %s, want 400 code 1", told)
		}
		took = append(took, r.took)
	}
	slices.Sort(took)
	if took[0] > 10*time.Millisecond {
		t.Errorf("the fastest of 20 refusals took %v, want under 10 ms", took[0])
	}
	t.Logf("dead sids refused: %v", took)
}

// witness is a client that waits at a backend.
type witness struct {
	name string
	wait func() string // until it is told something, and returns what
	told string
	at   time.Time
}

// openWitnesses opens one session of each kind on the backend.
func openWitnesses(t *testing.T, p *countingProxy, on *backend) []*witness {
	t.Helper()
	polls := map[string]sessionConfig{
		"poll of a browser":        {UserAgent: "Mozilla/5.0 (X11; Linux x86_64)"},
		"poll of a browser, EIO=3": {UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", EIO: 3},
		"poll of Node":             {UserAgent: "node-XMLHttpRequest"},
		"poll of Python":           {UserAgent: "Python/3.11 aiohttp/3.8.4"},
	}
	var all []*witness
	for name, cfg := range polls {
		cfg.URL = p.url()
		s := openOn(t, p, cfg, on)
		all = append(all, &witness{name: name, wait: func() string {
			return kindOf(s.ask(context.Background(), http.MethodGet, ""))
		}})
	}
	w := openTunnelOn(t, p, on)
	return append(all, &witness{name: "tunnel", wait: w.end})
}

// tell waits, and comes back through the channel with what it has been told.
func (w *witness) tell(told chan<- *witness) {
	w.told = w.wait()
	w.at = time.Now()
	told <- w
}

// wait has all witnesses wait, and returns once they do.
func wait(t *testing.T, p *countingProxy, all []*witness) chan *witness {
	t.Helper()
	told := make(chan *witness, len(all)+1)
	for _, w := range all {
		go w.tell(told)
	}
	p.awaitFigures(t, func(f figures) bool { return f.Requests == len(all)-1 })
	return told
}

// kindOf says what a reply means to its client.
func kindOf(r httpReply, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case r.status == http.StatusOK && (r.body == "1" || r.body == "1:1"):
		return "200 close packet"
	case r.status == http.StatusBadRequest && strings.Contains(r.body, `"code":1,`):
		return "400 code 1"
	}
	return fmt.Sprint(r.status)
}

// openOn opens sessions until one of them is on the wanted backend.
func openOn(t *testing.T, p *countingProxy, cfg sessionConfig, on *backend) *session {
	t.Helper()
	for range 100 {
		s, err := openSession(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if s.Server == on.id {
			return s
		}
	}
	t.Fatalf("none of 100 sessions is on %s", on.id)
	return nil
}

// openTunnelOn is openOn for a tunnel. The others stay open meanwhile, or the
// balance would bring the next one to the same place.
func openTunnelOn(t *testing.T, p *countingProxy, on *backend) *tunnel {
	t.Helper()
	for range 100 {
		w, err := openTunnel(p.addr)
		if err != nil {
			t.Fatal(err)
		}
		if w.server == on.id {
			t.Cleanup(func() { w.Close() })
			return w
		}
		defer w.Close()
	}
	t.Fatalf("none of 100 tunnels leads to %s", on.id)
	return nil
}
