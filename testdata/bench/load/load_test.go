//go:build linux

package load_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/testdata/bench/client"
	"github.com/holdfast-proxy/holdfast/testdata/bench/load"
	"github.com/holdfast-proxy/holdfast/testdata/bench/process"
	"github.com/holdfast-proxy/holdfast/testdata/bench/stub"
)

// The test's program is also the stub, and the guard that ends it.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == process.GuardArg:
		process.Guard()
	case len(os.Args) == 2 && os.Args[1] == "stub":
		panic(stub.Serve("web-1", func(port int) { fmt.Println(port) }))
	}
	runtime.LockOSThread()
	os.Exit(m.Run())
}

// startStub starts a stub, and returns where it listens.
func startStub(t *testing.T) client.Target {
	t.Helper()
	group, err := process.NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(group.Close)
	p, err := group.Start("stub", nil, "/proc/self/exe", "stub")
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if err := p.Await(func() (err error) {
		port, err = strconv.Atoi(strings.TrimSpace(p.Said()))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return client.Target{Port: port}
}

func noClock() (time.Duration, error) { return 0, nil }

func TestEveryKindOfLoadIsAnsweredRightByAStub(t *testing.T) {
	at := startStub(t)
	for name, kind := range map[string]load.Kind{
		"polls":               load.Poll,
		"POSTs":               load.Post,
		"messages of 64 B":    load.Message(64),
		"messages of 1,000 B": load.Message(1000),
		"messages of 64 KiB":  load.Message(64 << 10),
		"messages of 300 KiB": load.Message(300 << 10),
	} {
		for _, pins := range []bool{false, true} {
			lanes, err := load.Open(at, pins, 4, kind)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			res, err := lanes.Run(load.Plan{Window: 30 * time.Millisecond}, noClock)
			lanes.Close()
			if err != nil || res.Count == 0 || len(res.Waits) != res.Count {
				t.Errorf("%s, pinned %v: %d answers, %d times taken, %v", name, pins, res.Count, len(res.Waits), err)
			}
		}
	}
}

func TestPacedLoadBeginsAtItsRate(t *testing.T) {
	lanes, err := load.Open(startStub(t), true, 8, load.Poll)
	if err != nil {
		t.Fatal(err)
	}
	defer lanes.Close()
	res, err := lanes.Run(load.Plan{Rate: 500, Warm: 20 * time.Millisecond, Window: 400 * time.Millisecond}, noClock)
	if rate := float64(res.Count) / res.Window.Seconds(); err != nil || rate < 100 || rate > 650 { // a busy machine is slower, an unpaced one many times as fast
		t.Errorf("%.0f a second, want about 500; %v", rate, err)
	}
}

func TestConnectionsEndAfterTheirCycle(t *testing.T) {
	at := startStub(t)
	opener, err := load.NewOpener(at, true)
	if err != nil {
		t.Fatal(err)
	}
	defer opener.Close()
	sessions, err := opener.OpenAll(3)
	if err != nil {
		t.Fatal(err)
	}
	if err := load.Cycles(at, sessions, 5); err != nil {
		t.Error(err)
	}
}

func TestACrowdStaysAsItIs(t *testing.T) {
	at := startStub(t)
	for name, way := range map[string]load.Idleness{
		"tunnels":            load.Tunnel,
		"keep-alive clients": load.KeepAlive,
		"silent connections": nil,
	} {
		crowd, err := load.Gather(at, true, 20, way)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		crowd.Close()
	}
	crowd, err := load.Gather(at, true, 20, load.WaitingPoll)
	if err != nil {
		t.Fatal(err)
	}
	defer crowd.Close()
	conn, err := client.Dial(at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := conn.Waiting(); n != 20 || err != nil {
		t.Errorf("%d polls wait (%v), want 20", n, err)
	}
}
