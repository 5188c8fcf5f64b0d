package main_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/cmd/holdfast/internal/handover"
)

// door is where p hands over.
func (p *proxy) door() string {
	for i, arg := range p.args {
		if arg == "--handover" {
			return p.args[i+1]
		}
	}
	return ""
}

// startFailing starts a holdfast that must not come to listen, and returns what
// it says at its end.
func startFailing(t *testing.T, args ...string) string {
	t.Helper()
	f := start(t, "a holdfast that fails", holdfast(t), args...)
	if code := f.waitExit(t, 20*time.Second); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	return f.tail(1)
}

// TestFailedHandover has takers-over fail in all sorts of ways: the running
// process says so and serves on as if nobody had come, and the next one succeeds.
func TestFailedHandover(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 1)
	p := startInherited(t, backends, 2*time.Second)
	sessions := openSessions(t, 5, sessionConfig{URL: p.url()})
	say := func(text string) func(*testing.T) {
		return func(t *testing.T) {
			c, err := net.Dial("unix", p.door())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			_ = c.(*net.UnixConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
		}
	}
	for _, row := range []struct {
		name string
		do   func(*testing.T)
		err  string // what the running process says
	}{
		{"garbage", say(strings.Repeat("\x00\xff", 100)), "does not speak this protocol"},
		{"another version", say("HOLDFAST\x63"), "speaks version 99 of the protocol, this one 1"},
		{"one who leaves in the middle", say("HOLDFAST\x01"), "EOF"},
		{"one who says something else than ready", say("HOLDFAST\x01S\x00\x00\x00\x00"), "want"},
		{"one who is killed when he has got all", func(t *testing.T) {
			c, err := handover.Dial(p.door())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for m := (handover.Message{}); m.Kind != handover.Complete; {
				if m, err = c.Receive(); err != nil {
					t.Fatal(err)
				}
				if m.Listener != nil {
					defer m.Listener.Close()
				}
			}
		}, "EOF"},
		{"one who cannot listen where he is to", func(t *testing.T) {
			args := append(p.args[:len(p.args):len(p.args)], "--listen", fmt.Sprintf("127.0.0.1:%d", backends[0].port))
			if said := startFailing(t, args...); !strings.Contains(said, "address already in use") {
				t.Errorf("it said %s", said)
			}
		}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			said := len(p.find(fields{"msg": "not handed over, serving on"}))
			row.do(t)
			lines := p.waitCount(t, 10*time.Second, said+1, fields{"msg": "not handed over, serving on"})
			if !strings.Contains(lines[said].str("err"), row.err) {
				t.Errorf("the running process said %s, want %s", lines[said].text, row.err)
			}
			for _, problem := range exchangeAll(sessions, 1) {
				t.Errorf("sessions afterwards: %s", problem)
			}
		})
	}
	old := p.succeed(t)
	if code := old.waitExit(t, 10*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	for _, problem := range exchangeAll(sessions, 1) {
		t.Errorf("sessions after the hand-over: %s", problem)
	}
}

// TestHandoverPath starts holdfast with --handover at paths that something is at
// already.
func TestHandoverPath(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 1)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--listen", "127.0.0.1:0", "--backend", backends[0].url(), "--handover", file}
	if said := startFailing(t, args...); !strings.Contains(said, `--handover "`+file+`": exists and is not a socket`) {
		t.Errorf("a file in its place: it said %s", said)
	}
	foreign, err := net.Listen("unix", filepath.Join(dir, "foreign"))
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	go func() {
		if c, err := foreign.Accept(); err == nil {
			_, _ = io.WriteString(c, "220 mail.example.org ESMTP\r\n")
			c.Close()
		}
	}()
	args[len(args)-1] = foreign.Addr().String()
	if said := startFailing(t, args...); !strings.Contains(said, "does not speak this protocol") {
		t.Errorf("somebody else's socket: it said %s", said)
	}

	p := startProxy(t, proxyConfig{Backends: backends, Args: []string{"--handover", filepath.Join(dir, "own")}})
	for range 2 { // the second time, what the killed one has left is there
		info, err := os.Lstat(p.door())
		if err != nil || info.Mode() != os.ModeSocket|0o600 {
			t.Errorf("mode %v, error %v, want a socket with 0600", info.Mode(), err)
		}
		p.kill(t)
		p.restart(t)
	}
	p.signal(t, syscall.SIGTERM)
	p.waitExit(t, 10*time.Second)
	if _, err := os.Lstat(p.door()); !os.IsNotExist(err) {
		t.Errorf("its socket is left behind: %v", err)
	}
}

// TestHandoverToOtherFlags has a successor take over that listens elsewhere and
// has another backend: what both have goes on, the rest is opened, and let go.
func TestHandoverToOtherFlags(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 3)
	addr := func() string { return fmt.Sprintf("127.0.0.1:%d", freePort(t)) }
	first, second, third, admin := addr(), addr(), addr(), addr()
	dir := t.TempDir()
	socket, door := filepath.Join(dir, "clients.sock"), filepath.Join(dir, "next.sock")
	common := []string{"--listen", first, "--admin", admin, "--handover", door, "--shutdown-timeout", "2s", "--log-format", "json",
		"--health-interval", "300ms", "--backend", "b1=" + backends[0].url(), "--backend", "b2=" + backends[1].url()}
	p := &countingProxy{&proxy{addr: first, path: holdfast(t)}, admin}
	p.launch(t, append(common[:len(common):len(common)], "--listen", second, "--listen", "unix:"+socket, "--backend", "b3="+backends[2].url()))
	sessions := openSessions(t, 12, sessionConfig{URL: p.url()})
	backends[1].kill(t)
	p.awaitState(t, backends[1], "down")

	old := p.process
	p.launch(t, append(common[:len(common):len(common)], "--listen", third))
	if f := p.figures(t); !f.has("b2", "down") || !f.has("b3", "draining") {
		t.Errorf("backends are %v, want b2 known to be down and b3 draining", f.Backends)
	}
	old.waitExit(t, 10*time.Second)

	var going []*session
	for _, s := range sessions {
		if s.Server != backends[1].id {
			going = append(going, s)
		}
	}
	for _, problem := range exchangeAll(going, 1) {
		t.Errorf("sessions of live backends: %s", problem)
	}
	if f := p.figures(t); f.Searches.Begun > 0 {
		t.Errorf("%d searches, want none", f.Searches.Begun)
	}
	for _, s := range openSessions(t, 6, sessionConfig{URL: "http://" + third}) {
		if s.Server != backends[0].id {
			t.Errorf("a new session is on %s, want b1: b2 is down, b3 is not among the flags", s.Server)
		}
	}
	if c, err := net.Dial("tcp", second); err == nil {
		c.Close()
		t.Errorf("%s is still listened on", second)
	}
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", socket, err)
	}
}

// launch starts holdfast with these flags and waits until it listens.
func (p *proxy) launch(t *testing.T, args []string) {
	t.Helper()
	p.args = args
	p.process = start(t, "holdfast "+p.addr, p.path, args...)
	run := p.process
	t.Cleanup(func() { reportCrash(t, run) })
	p.waitLog(t, 10*time.Second, "listening", nil)
}

// has says that a backend is in that state.
func (f figures) has(id, state string) bool {
	for _, b := range f.Backends {
		if b.ID == id && b.State == state {
			return true
		}
	}
	return false
}
