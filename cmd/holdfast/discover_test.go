package main_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const handshake = "/socket.io/?EIO=4&transport=polling"

// TestBackendsComeAndGoWithAFile runs holdfast without --backend: a file lists its backends, and SIGHUP has it read.
func TestBackendsComeAndGoWithAFile(t *testing.T) {
	one, end := startEngine(t)
	two, _ := startEngine(t)
	path := filepath.Join(t.TempDir(), "backends")
	list := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list("one=" + one.URL + "\n")
	admin := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p := startProxy(t, proxyConfig{Args: []string{"--admin", admin, "--discover", "file://" + path, "--health-interval", "50ms"}})
	p.waitLog(t, time.Second, "listening", fields{"backends": "one=" + one.URL})
	if status := fetchStatus(t, p.url()+handshake); status != http.StatusOK {
		t.Fatalf("handshake: status %d", status)
	}
	polled := make(chan int)
	go func() { polled <- fetchStatus(t, p.url()+handshake+"&sid="+knownSID) }()
	waitMetric(t, admin, `holdfast_sessions{place="held"} 1`)

	list("two=" + two.URL + "\n")
	p.signal(t, syscall.SIGHUP)
	p.waitLog(t, 10*time.Second, "discovered backends changed", fields{"joined": "two", "left": "one"})
	waitMetric(t, admin, `holdfast_backend_state{backend="one",state="draining"} 1`)
	two.Close()
	p.waitLog(t, 10*time.Second, "backend down", fields{"backend": "two"}) // the checker has heard of it
	close(end)
	if status := <-polled; status != http.StatusOK {
		t.Errorf("the poll of a session whose backend has left the list: status %d, want 200", status)
	}

	list("one=" + one.URL + "\ntwo\n")
	p.signal(t, syscall.SIGHUP)
	p.waitLog(t, 10*time.Second, "discovery failed, the last answer stands", fields{"source": "file://" + path})
}

// TestANameIsResolvedBeforeTheFirstClient: what localhost resolves to is known when the first handshake is placed.
func TestANameIsResolvedBeforeTheFirstClient(t *testing.T) {
	engine, _ := startEngine(t)
	u, err := url.Parse(engine.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := startProxy(t, proxyConfig{Args: []string{"--discover", "dns://localhost:" + u.Port()}})
	if status := fetchStatus(t, p.url()+handshake); status != http.StatusOK {
		t.Errorf("handshake: status %d", status)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.waitExit(t, 20*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestSourcesThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct{ args, want string }{
		"neither a backend nor a source": {"check", "--backend: want at least one, such as --backend http://127.0.0.1:3000, or --discover"},
		"a name without a scheme":        {"check --discover web:3000", `--discover "web:3000": want dns://NAME:PORT, srv://NAME or file:///PATH`},
		"a source that is there twice":   {"check --discover srv://web --discover srv://web", `--discover "srv://web": want each source once`},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := runCommand(t, strings.Fields(c.args)...)
			if code != 2 || stderr != "holdfast: "+c.want+"\n" {
				t.Errorf("exit code %d, want 2 and %q; stderr:\n%s", code, c.want, stderr)
			}
		})
	}
	if _, stderr, code := runCommand(t, "check", "--discover", "dns://web:3000", "--discover", "file:///nowhere", "--backend", "http://127.0.0.1:1"); code != 0 {
		t.Errorf("good ones: exit code %d, stderr:\n%s", code, stderr)
	}
}
