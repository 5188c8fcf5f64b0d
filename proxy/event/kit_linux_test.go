package event

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait of these tests; only a failing one waits for so long.
const patience = 30 * time.Second

// rig is a loop that runs, and its log.
type rig struct {
	*Loop
	log logged
}

// runLoop serves a loop until the test ends.
func runLoop(t *testing.T) *rig {
	t.Helper()
	g := newLoop(t)
	g.run(t)
	return g
}

// run serves the loop until the test ends.
func (g *rig) run(t *testing.T) {
	ended := make(chan error, 1)
	go func() { ended <- g.Run() }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// newLoop makes a loop that nobody serves yet.
func newLoop(t *testing.T) *rig { return newRig(t, false) }

// newKeeper makes a loop that may keep its processor.
func newKeeper(t *testing.T) *rig { return newRig(t, true) }

func newRig(t *testing.T, keeps bool) *rig {
	t.Helper()
	g := new(rig)
	began := time.Now()
	var err error
	g.Loop, err = NewLoop(slog.New(slog.NewTextHandler(&g.log, nil)), func() time.Duration { return time.Since(began) }, keeps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// logged is a log that may be read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// told is an owner that keeps the edges it is told of.
type told chan uint32

func (o told) Edge(_ *Socket, edges uint32) { o <- edges }

// await waits until all of these edges have been told, together or one by one.
func (o told) await(t *testing.T, edges uint32) {
	t.Helper()
	late := time.After(patience)
	for got := uint32(0); got&edges != edges; {
		select {
		case e := <-o:
			got |= e
		case <-late:
			t.Fatalf("told of edges %b, want %b", got, edges)
		}
	}
}

// dial returns a socket on the loop, the other end of its connection, and its owner.
func (g *rig) dial(t *testing.T) (*Socket, *net.TCPConn, told) {
	t.Helper()
	fd, far := connection(t)
	s, o := new(Socket), make(told, 1000)
	if err := NewSocket(g.Loop, fd, s, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, far, o
}

// connection returns one end of a TCP connection as a descriptor and the other as a connection.
func connection(t *testing.T) (fd int, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().(*net.TCPAddr).AddrPort()
	if err = unix.Connect(fd, &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}); err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return fd, nc.(*net.TCPConn)
}

// watched is how many descriptors the loop's epoll instance watches, as the kernel tells it.
func (g *rig) watched(t *testing.T) int {
	t.Helper()
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", g.epoll))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(info), "tfd:") - 1 // the bell
}

// isOpen says that the process has that descriptor.
func isOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(late) {
			t.Fatal("not in time: ", what)
		}
	}
}
