package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// waitingPoll opens the engine's session and has a poll of it wait; what that is answered with comes through the channel.
func waitingPoll(t *testing.T, p *proxy, admin string) (polled chan int) {
	t.Helper()
	if status := fetchStatus(t, p.url()+handshake); status != http.StatusOK {
		t.Fatalf("handshake: status %d", status)
	}
	polled = make(chan int, 1)
	go func() { polled <- fetchStatus(t, p.url()+handshake+"&sid="+knownSID) }()
	waitMetric(t, admin, `holdfast_sessions{place="held"} 1`)
	return polled
}

func TestDrainAndUndrain(t *testing.T) {
	engine, _ := startEngine(t)
	p, admin := adminProxy(t, engine.URL, "--drain-timeout", "1h")
	polled := waitingPoll(t, p, admin)
	run := func(want string, args ...string) {
		t.Helper()
		stdout, stderr, code := runCommand(t, append(args, "--admin", admin)...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("%q: exit code %d, stdout:\n%s\nstderr:\n%s\nwant 0 and %q", args, code, stdout, stderr, want)
		}
	}
	run("web-1 is draining: 1 session left (1 poll, 0 tunnels open), which may stay until ", "drain", "--detach", "web-1")
	waitMetric(t, admin, `holdfast_backend_state{backend="web-1",state="draining"} 1`)
	run("web-1 is up, and has 1 session\n", "undrain", "web-1")
	run("web-1 is drained: nothing is left there, 1 session closed\n", "drain", "web-1", "--now")
	if stdout, _, _ := runCommand(t, "status", "--admin", admin); !strings.Contains(stdout, "web-1    drained  0 ") {
		t.Errorf("status:\n%s", stdout)
	}
	if status := <-polled; status != http.StatusBadRequest {
		t.Errorf("the poll: status %d, want 400", status)
	}
	for _, msg := range []string{"backend draining", "drain over", "closing sessions", "backend drained"} {
		p.waitLog(t, 5*time.Second, msg, fields{"backend": "web-1"})
	}
	stdout, _, code := runCommand(t, "drain", "--json", "web-1", "--admin="+admin)
	var b struct {
		State string
		Drain struct{ Closed int }
	}
	if err := json.Unmarshal([]byte(stdout), &b); code != 0 || err != nil || b.State != "draining" || b.Drain.Closed != 1 {
		t.Errorf("exit code %d, %v, stdout:\n%s", code, err, stdout)
	}
}

// TestUndrainWaits undrains a backend that is dead: whoever waits is told how it comes back, and that it is drained again.
func TestUndrainWaits(t *testing.T) {
	b := startBackends(t, "js4", 1)[0]
	p := startCountingProxy(t, proxyConfig{Backends: []*backend{b}, Args: []string{"--slow-start", "1m", "--health-interval", "200ms"}})
	p.order(t, b, "drain?now=true")
	b.kill(t)
	p.waitLog(t, 20*time.Second, "backend down", nil)
	w := start(t, "holdfast undrain", holdfast(t), "undrain", "--wait", "--json", b.id, "--admin", p.admin)
	w.wait(t, 10*time.Second, fields{"state": "down"})
	b.restart(t)
	w.wait(t, 10*time.Second, fields{"state": "up", "slow_start": true})
	p.order(t, b, "drain")
	if code := w.waitExit(t, 10*time.Second); code != 1 || !strings.Contains(w.tail(1), "b1 is draining") {
		t.Errorf("exit code %d, want 1:\n%s", code, w.tail(3))
	}
}

// TestADrainThatIsCalledOff has one operator wait for a drain, and another call it off.
func TestADrainThatIsCalledOff(t *testing.T) {
	engine, end := startEngine(t)
	p, admin := adminProxy(t, engine.URL, "--drain-timeout", "never")
	polled := waitingPoll(t, p, admin)
	w := start(t, "holdfast drain", holdfast(t), "drain", "web-1", "--admin", admin, "--json")
	w.wait(t, 10*time.Second, fields{"state": "draining"})
	if _, stderr, code := runCommand(t, "undrain", "web-1", "--admin", admin); code != 0 {
		t.Errorf("undrain: exit code %d, stderr:\n%s", code, stderr)
	}
	if code := w.waitExit(t, 10*time.Second); code != 1 || !strings.Contains(w.tail(1), "the drain of web-1 was called off: it is up") {
		t.Errorf("exit code %d, want 1:\n%s", code, w.tail(3))
	}
	close(end)
	if status := <-polled; status != http.StatusOK {
		t.Errorf("the poll: status %d, want 200", status)
	}
}

func TestDrainsThatAreInVain(t *testing.T) {
	engine, _ := startEngine(t)
	_, admin := adminProxy(t, engine.URL)
	nobody := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	for name, c := range map[string]struct {
		args string
		code int
		want string
	}{
		"a backend that there is not":        {"drain --now web-9 --admin " + admin, 1, `there is no backend "web-9": want web-1`},
		"a backend that does not drain":      {"undrain web-1 --admin " + admin, 1, `backend "web-1" is not draining, it is up`},
		"nobody at the admin address":        {"drain web-1 --admin " + nobody, 1, `--admin "` + nobody + `": no holdfast answers there`},
		"no admin address":                   {"undrain web-1 --admin x", 2, `--admin "x": want HOST:PORT or unix:/PATH`},
		"no ID":                              {"drain --now", 2, "drain: want the ID of one backend"},
		"an ID that is empty":                {"drain --admin " + admin + " ", 2, "drain: want the ID of one backend"},
		"two IDs":                            {"undrain web-1 web-2", 2, "undrain: want the ID of one backend"},
		"a flag that there is not":           {"drain --soon web-1", 2, "no such flag: --soon"},
		"the same behind the ID":             {"drain web-1 --soon", 2, "drain: no such flag or value: --soon"},
		"a flag of the other command":        {"undrain web-1 --now", 2, "undrain: no such flag or value: --now"},
		"a flag behind the ID without value": {"drain web-1 --admin", 2, `--admin "": want HOST:PORT`},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := runCommand(t, strings.Split(c.args, " ")...)
			if code != c.code || !strings.HasPrefix(stderr, "holdfast: "+c.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, want %d and %q; stderr:\n%s", code, c.code, c.want, stderr)
			}
		})
	}
}
