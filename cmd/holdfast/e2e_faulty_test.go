package main_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// startFaulty starts n backends, "b1", "b2", …, that signals can make ill, as
// testdata/socketio/faults.js says.
func startFaulty(t *testing.T, n int) []*backend {
	t.Helper()
	faults := socketIODir(t) + "/faults.js"
	var backends []*backend
	for i := range n {
		b := newBackend(t, backendConfig{Kind: "js4", ID: fmt.Sprintf("b%d", i+1)})
		command := append(serverCommand(t, "js4"), "--id", b.id, "--port", fmt.Sprint(b.port))
		b.launch = func(t *testing.T) *process {
			return start(t, "faulty backend "+b.id, command[0], append([]string{"--require", faults}, command[1:]...)...)
		}
		b.process = b.launch(t)
		backends = append(backends, b)
	}
	for _, b := range backends {
		b.waitListening(t)
	}
	return backends
}

// stall stops a backend's process for 500 ms, as a long garbage collection does.
// The channel is closed when that is over.
func stall(t *testing.T, b *backend) <-chan struct{} {
	t.Helper()
	over := make(chan struct{})
	b.signal(t, syscall.SIGSTOP)
	process := b.cmd.Process
	time.AfterFunc(500*time.Millisecond, func() {
		_ = process.Signal(syscall.SIGCONT)
		close(over)
	})
	return over
}

func makeSlow(t *testing.T, b *backend) {
	t.Helper()
	b.signal(t, syscall.SIGHUP)
	b.wait(t, 10*time.Second, fields{"event": "slow"})
}

// stopListening closes the backend's listener. Its open connections go on.
func stopListening(t *testing.T, b *backend) {
	t.Helper()
	b.signal(t, syscall.SIGUSR2)
	b.wait(t, 10*time.Second, fields{"event": "closed"})
}
