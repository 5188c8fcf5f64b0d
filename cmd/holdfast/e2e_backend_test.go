package main_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// backendConfig says which server to run.
type backendConfig struct {
	Kind string   // "js2", "js3", "js4", "python" or "go"
	ID   string   // how it introduces itself to clients, and its ID at the proxy
	Args []string // more flags of that server
}

// backend is a real Socket.IO server on a port that stays its own over restarts.
type backend struct {
	*process
	id     string
	port   int
	launch func(*testing.T) *process
}

// startBackends starts n servers of one kind, named "b1", "b2", …, and waits for all.
func startBackends(t *testing.T, kind string, n int, args ...string) []*backend {
	t.Helper()
	var backends []*backend
	for i := range n {
		b := newBackend(t, backendConfig{Kind: kind, ID: fmt.Sprintf("b%d", i+1), Args: args})
		b.process = b.launch(t)
		backends = append(backends, b)
	}
	for _, b := range backends {
		b.waitListening(t)
	}
	return backends
}

func newBackend(t *testing.T, cfg backendConfig) *backend {
	t.Helper()
	port := freePort(t)
	command := append(serverCommand(t, cfg.Kind), "--id", cfg.ID, "--port", fmt.Sprint(port))
	command = append(command, cfg.Args...)
	return &backend{id: cfg.ID, port: port, launch: func(t *testing.T) *process {
		t.Helper()
		return start(t, cfg.Kind+" backend "+cfg.ID, command[0], command[1:]...)
	}}
}

// serverCommand returns how to start a kind of server. Servers 3 and 4 let
// clients of version 2 in.
func serverCommand(t *testing.T, kind string) []string {
	t.Helper()
	dir := socketIODir(t)
	switch kind {
	case "js2", "js3", "js4":
		return []string{"node", dir + "/server.js", "--version", kind[2:], "--allow-eio3"}
	case "python":
		return []string{debianPython(t), dir + "/server.py"}
	case "go":
		return []string{goServer(t), "--allow-eio3"}
	}
	t.Fatalf("backend kind %q: want js2, js3, js4, python or go", kind)
	return nil
}

// debianPython returns the system's own interpreter, whose packages are Debian's.
func debianPython(t *testing.T) string {
	t.Helper()
	const python = "/usr/bin/python3"
	err := exec.Command(python, "-c", "import socketio, aiohttp").Run()
	require(t, err == nil, "%s with Debian's python3-socketio and python3-aiohttp is not installed", python)
	return python
}

func (b *backend) waitListening(t *testing.T) {
	t.Helper()
	b.wait(t, time.Minute, fields{"event": "listening"})
}

// restart runs the server again on its port, after kill.
func (b *backend) restart(t *testing.T) {
	t.Helper()
	b.process = b.launch(t)
	b.waitListening(t)
}

func (b *backend) url() string {
	return fmt.Sprintf("http://127.0.0.1:%d", b.port)
}

// ports are those that freePort has given out.
var ports sync.Map

// freePort returns a port that nobody listens on, below the range from which
// the system takes the local ports of outgoing connections, and never one twice:
// it is still free when a killed process wants it back.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 15000 + rand.IntN(15000)
		if _, given := ports.LoadOrStore(port, true); given {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port between 15000 and 30000 in 100 tries")
	return 0
}
