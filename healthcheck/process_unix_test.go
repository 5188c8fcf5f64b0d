//go:build unix

package healthcheck_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

// asServer makes the test binary a backend: see startProcess.
const asServer = "HOLDFAST_TEST_BACKEND"

// TestBackendProcess is no test: it is the backend that startProcess starts. It
// says its address and serves until it is killed or its input ends.
func TestBackendProcess(t *testing.T) {
	if os.Getenv(asServer) == "" {
		return
	}
	l, err := net.Listen("tcp", os.Getenv(asServer))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = fasthttp.Serve(l, socketIO) }()
	fmt.Println("listening", l.Addr())
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

// startProcess starts a backend in a process of its own. Signals reach it
// through signal; it is killed with the test.
func startProcess(t *testing.T, addr string) (listening string, signal func(syscall.Signal)) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestBackendProcess$")
	cmd.Env = append(os.Environ(), asServer+"="+addr)
	if _, err := cmd.StdinPipe(); err != nil { // closed when we die, however that happens
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if !ok {
		t.Fatalf("the backend said %q, %v", line, err)
	}
	return addr, func(s syscall.Signal) {
		if err := cmd.Process.Signal(s); err != nil {
			t.Error(err)
		}
	}
}

func TestAProcessFreezesThawsDiesAndIsReplaced(t *testing.T) {
	for name, loop := range map[string]healthcheck.Loop{"goroutines ask": nil, "a loop asks": startLoop(t)} {
		t.Run(name, func(t *testing.T) { freezeAndThaw(t, loop) })
	}
}

func freezeAndThaw(t *testing.T, loop healthcheck.Loop) {
	const interval, timeout, fall = 400 * time.Millisecond, 350 * time.Millisecond, 3
	changes := make(chan healthcheck.Change, 64)
	c, err := healthcheck.New(healthcheck.Config{
		Probe: engineIO(), Loop: loop, Interval: interval, Timeout: timeout, Fall: fall,
		OnChange: func(c healthcheck.Change) { changes <- c },
	})
	if err != nil {
		t.Fatal(err)
	}
	addr, signal := startProcess(t, ownAddress(t))
	c.Set([]healthcheck.Target{{ID: "web-1", URL: "http://" + addr}})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	defer running.Wait()
	defer stop()

	await(t, changes, healthcheck.Up)
	began := time.Now()
	signal(syscall.SIGSTOP)
	down := await(t, changes, healthcheck.Down)
	if took, most := time.Since(began), fall*interval+timeout; took > most+3*time.Second { // which a busy machine may need
		t.Errorf("frozen: down after %v, want %v", took, most)
	}
	if down.Refused {
		t.Error("a frozen process does not refuse")
	}
	signal(syscall.SIGCONT)
	await(t, changes, healthcheck.Up)
	signal(syscall.SIGKILL)
	await(t, changes, healthcheck.Suspect)
	if down := await(t, changes, healthcheck.Down); down.After != fall || down.Err == nil {
		t.Errorf("killed: %+v", down)
	}
	startProcess(t, addr)
	await(t, changes, healthcheck.Up)
}

// ownAddress returns an address of loopback on which nobody else takes a port,
// not even while the backend is dead, where the system has more than one.
func ownAddress(t *testing.T) string {
	t.Helper()
	const own = "127.255.0.1:0"
	l, err := net.Listen("tcp", own)
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return own
}

// await returns the first change to status, and fails the test if it is not
// there in thirty seconds.
func await(t *testing.T, changes <-chan healthcheck.Change, status healthcheck.Status) healthcheck.Change {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case c := <-changes:
			if c.To == status {
				return c
			}
		case <-late:
			t.Fatalf("never %v", status)
		}
	}
}
