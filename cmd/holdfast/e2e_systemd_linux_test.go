package main_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manager is what systemd is to a service: it has opened its sockets, and
// listens to what it has to say of itself.
type manager struct {
	notify *net.UnixConn
	addr   string // of notify, as NOTIFY_SOCKET has it
}

func startManager(t *testing.T, addr string) *manager {
	t.Helper()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: addr, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { notify.Close() })
	return &manager{notify, addr}
}

// heard returns the next message, "" if there is none in time.
func (m *manager) heard(within time.Duration) string {
	text := make([]byte, 1000)
	_ = m.notify.SetReadDeadline(time.Now().Add(within))
	n, _ := m.notify.Read(text)
	return string(text[:n])
}

// activate starts holdfast with these sockets, each of which has a name.
func (m *manager) activate(t *testing.T, sockets map[string]net.Listener, args ...string) *process {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, holdfast(t), "--log-format", "json"}, args...)...)
	var names []string
	for name, ln := range sockets {
		f, err := ln.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		names, cmd.ExtraFiles = append(names, name), append(cmd.ExtraFiles, f)
	}
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.addr,
		fmt.Sprintf("LISTEN_FDS=%d", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	p := startCommand(t, "activated holdfast", cmd)
	t.Cleanup(func() { reportCrash(t, p) })
	return p
}

func mustListen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// TestSystemd starts holdfast as systemd does: with the sockets that clients
// wait at already, and told of what it is doing. A successor becomes the main
// process, and only a signal makes the service stop.
func TestSystemd(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 1)
	dir := t.TempDir()
	for name, notify := range map[string]string{
		"a socket with a path":                   filepath.Join(dir, "notify"),
		"a socket in Linux's abstract namespace": fmt.Sprintf("@holdfast-test-%d", os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			m := startManager(t, notify)
			path := filepath.Join(t.TempDir(), "clients.sock")
			web, local, admin := mustListen(t, "tcp", "127.0.0.1:0"), mustListen(t, "unix", path), mustListen(t, "tcp", "127.0.0.1:0")
			args := []string{"--listen", web.Addr().String(), "--listen", "unix:" + path, "--admin", "127.0.0.1:9900",
				"--backend", backends[0].url(), "--handover", filepath.Join(t.TempDir(), "next.sock"), "--shutdown-timeout", "2s"}
			early := make(chan error, 1)
			go func() {
				_, err := anyAddress.Get("http://" + web.Addr().String())
				early <- err
			}()
			first := m.activate(t, map[string]net.Listener{"web": web, "local": local, "admin": admin}, args...)
			ready := func(p *process) string { return fmt.Sprintf("READY=1\nMAINPID=%d", p.cmd.Process.Pid) }
			if got := m.heard(10 * time.Second); got != ready(first) {
				t.Errorf("heard %q, want %q", got, ready(first))
			}
			if err := <-early; err != nil {
				t.Errorf("a client that had been waiting: %v", err)
			}
			second := m.activate(t, nil, args...)
			if got := m.heard(10 * time.Second); got != ready(second) {
				t.Errorf("heard %q, want %q", got, ready(second))
			}
			if code := first.waitExit(t, 10*time.Second); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			res, err := anyAddress.Get("http://" + admin.Addr().String() + "/healthz")
			if err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("admin: %v, %v", res, err)
			}
			second.signal(t, syscall.SIGTERM)
			if got := m.heard(10 * time.Second); got != "STOPPING=1" {
				t.Errorf("heard %q, want STOPPING=1, and that from the main process only", got)
			}
			second.waitExit(t, 10*time.Second)
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("systemd's socket was removed: %v", err)
			}
		})
	}
}

func TestSystemdSocketsMustBeWanted(t *testing.T) {
	t.Parallel()
	m := startManager(t, filepath.Join(t.TempDir(), "notify"))
	ln := mustListen(t, "tcp", "127.0.0.1:0")
	p := m.activate(t, map[string]net.Listener{"web.socket": ln}, "--listen", "127.0.0.1:0", "--backend", "http://127.0.0.1:1")
	if code := p.waitExit(t, 10*time.Second); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	want := fmt.Sprintf("systemd's socket web.socket: want a --listen or --admin %s", ln.Addr())
	if said := p.tail(1); !strings.Contains(said, want) {
		t.Errorf("it said %s, want %s", said, want)
	}
}
