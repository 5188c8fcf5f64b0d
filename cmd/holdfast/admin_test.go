package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// adminProxy starts holdfast with an admin listener in front of one backend, both on loopback.
func adminProxy(t *testing.T, backendURL string, args ...string) (p *proxy, admin string) {
	t.Helper()
	admin = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	all := append([]string{"--admin", admin, "--backend", "web-1=" + backendURL, "--health-interval", "50ms"}, args...)
	return startProxy(t, proxyConfig{Args: all}), admin
}

// knownSID is the one session of an engine; its first character is one that flags begin with.
const knownSID = "-lv_VI97HAXpY6yYWAAAC"

// startEngine serves one session as an Engine.IO server does, and knows no other. Its polls wait until end is closed.
func startEngine(t *testing.T) (server *httptest.Server, end chan struct{}) {
	t.Helper()
	end = make(chan struct{})
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("sid") {
		case "":
			fmt.Fprintf(w, `0{"sid":%q,"upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`, knownSID)
		case knownSID:
			select {
			case <-end:
			case <-r.Context().Done():
			}
			io.WriteString(w, "6")
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"code":1,"message":"Session ID unknown"}`)
		}
	}))
	t.Cleanup(server.Close)
	return server, end
}

// runCommand runs holdfast with a subcommand to its end.
func runCommand(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, holdfast(t), args...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), problems.String(), cmd.ProcessState.ExitCode()
}

// fetchStatus returns the status that a GET is answered with, 0 if nobody answers.
func fetchStatus(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestAdminListenerIsOffWhenEmpty(t *testing.T) {
	engine, _ := startEngine(t)
	for _, args := range [][]string{{"--admin", ""}, {"--admin="}, nil} { // the last takes it from the environment
		p := startProxy(t, proxyConfig{Args: append([]string{"--backend", engine.URL}, args...)})
		if got := p.find(fields{"msg": "admin listening"}); len(got) > 0 {
			t.Errorf("%q: %s", args, got[0].text)
		}
	}
}

func TestAdminAddressTakenOrWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		admin string
		code  int
		want  string
	}{
		"a port that is taken":         {taken.Addr().String(), 1, `--admin "` + taken.Addr().String() + `": listen tcp`},
		"a port that is no number":     {"127.0.0.1:http", 2, `--admin "127.0.0.1:http": want HOST:PORT`},
		"an address without a port":    {"127.0.0.1", 2, `--admin "127.0.0.1": want HOST:PORT`},
		"a socket that is no path":     {"unix:x.sock", 2, `--admin "unix:x.sock": want HOST:PORT`},
		"a socket where no folder is":  {"unix:/nowhere/x.sock", 1, `--admin "unix:/nowhere/x.sock": listen unix`},
		"an address of somewhere else": {"192.0.2.1:9900", 1, `--admin "192.0.2.1:9900": listen tcp`},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := runCommand(t, "--listen", "127.0.0.1:0", "--backend", "http://127.0.0.1:1", "--admin", c.admin)
			if code != c.code || !strings.HasPrefix(stderr, "holdfast: "+c.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, want %d, one line with %q; stderr:\n%s", code, c.code, c.want, stderr)
			}
		})
	}
}

func TestReadinessFailsFirstInShutdown(t *testing.T) {
	engine, end := startEngine(t)
	p, admin := adminProxy(t, engine.URL)
	if status := fetchStatus(t, p.url()+"/socket.io/?EIO=4&transport=polling"); status != http.StatusOK {
		t.Fatalf("handshake: status %d", status)
	}
	if status := fetchStatus(t, "http://"+admin+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: status %d, want 200", status)
	}
	polled := make(chan int)
	go func() { polled <- fetchStatus(t, p.url()+"/socket.io/?EIO=4&transport=polling&sid="+knownSID) }()
	waitMetric(t, admin, `holdfast_sessions{place="held"} 1`)
	p.signal(t, syscall.SIGTERM)
	waitMetric(t, admin, "holdfast_ready 0")
	if status := fetchStatus(t, "http://"+admin+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz while a poll goes on: status %d, want 503", status)
	}
	if status := fetchStatus(t, "http://"+admin+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz while a poll goes on: status %d, want 200", status)
	}
	close(end)
	if status := <-polled; status != http.StatusOK {
		t.Errorf("the poll: status %d, want 200", status)
	}
	if code := p.waitExit(t, 20*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// waitMetric asks until the metrics have the line.
func waitMetric(t *testing.T, admin, line string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(10 * time.Second); ; <-tick.C {
		resp, err := http.Get("http://" + admin + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if strings.Contains(string(text), "\n"+line+"\n") {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("no %q in the metrics:\n%s", line, text)
		}
	}
}
