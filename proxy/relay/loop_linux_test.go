package relay

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pairOf returns both ends of a TCP connection.
func pairOf(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return s.(*net.TCPConn), c.(*net.TCPConn)
}

// TestASideThatIsNotReadCostsNothing covers the trap that EPOLLHUP and EPOLLERR cannot be masked: a client that resets while
// the backend does not read must not be reported over and over.
func TestASideThatIsNotReadCostsNothing(t *testing.T) {
	r, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	go r.Run(t.Context())
	defer r.Close()
	near, clientEnd := pairOf(t)
	backendNear, backendEnd := pairOf(t)
	done := make(chan Stats, 1)
	r.Start(Tunnel{Client: near, Backend: backendNear, Done: func(s Stats) { done <- s }})
	p := make([]byte, 64<<10)
	for clientEnd.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err == nil; {
		_, err = clientEnd.Write(p)
	}
	clientEnd.SetLinger(0)
	clientEnd.Close()
	for late := time.Now().Add(30 * time.Second); r.Loops()[0].Load() > 10; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("the loop is busy with a tunnel on which nothing moves")
		}
	}
	io.Copy(io.Discard, backendEnd)
	backendEnd.Close()
	if s := <-done; s.Cause != ClientFailed {
		t.Error("ended because of", s.Cause)
	}
}

func TestABackendIsProbedOnceItsTunnelIsOldEnough(t *testing.T) {
	var now time.Duration
	r, err := newRelay(Config{}, clock{now: func() time.Duration { return now }, after: time.After})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	near, _ := pairOf(t)
	backendNear, _ := pairOf(t)
	backendNear.SetKeepAlive(false)
	if err := r.Start(Tunnel{Client: near, Backend: backendNear, Probe: 30 * time.Second}); err != nil {
		t.Fatal(err)
	}
	tunnel := r.tunnels.list(nil, true)[0]
	fd := int(tunnel.carrier.(*loopTunnel).sides[backend].fd)
	for _, row := range []struct {
		at     time.Duration
		probes int
	}{{29 * time.Second, 0}, {30 * time.Second, 1}} {
		now = row.at
		tunnel.Due()
		if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE); got != row.probes || err != nil {
			t.Errorf("after %v TCP's probing is %d, want %d (%v)", row.at, got, row.probes, err)
		}
	}
	if got, _ := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE); got != 30 {
		t.Errorf("probes after %d s, want 30", got)
	}
}

// TestMuchIsMovedWithAndWithoutAPipe moves what splice(2) is for, also where there is no descriptor left for its pipe.
func TestMuchIsMovedWithAndWithoutAPipe(t *testing.T) {
	for name, want := range map[string]bool{"with a pipe": true, "no descriptors": false} {
		t.Run(name, func(t *testing.T) {
			r, err := New(Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			near, clientEnd := pairOf(t)
			backendNear, backendEnd := pairOf(t)
			opened := make(chan bool, 1)
			r.Start(Tunnel{Client: near, Backend: backendNear, Done: func(Stats) { opened <- r.loops[0].pipe.open }})
			if !want {
				withoutDescriptors(t)
			}
			go r.Run(t.Context())
			sent := make([]byte, 4<<20)
			for i := range sent {
				sent[i] = byte(i >> 9)
			}
			go func() {
				clientEnd.Write(sent)
				clientEnd.CloseWrite()
			}()
			got, err := io.ReadAll(backendEnd)
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes of %d arrived, or not as they were: %v", len(got), len(sent), err)
			}
			backendEnd.Close()
			if got := <-opened; got != want {
				t.Errorf("a pipe was opened: %v, want %v", got, want)
			}
		})
	}
}

// withoutDescriptors has the process open no more of them until the test ends.
func withoutDescriptors(t *testing.T) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: old.Max}); err != nil {
		t.Fatal(err)
	}
}

// TestAPanicInTheLoopEndsThatTunnelOnly takes the loop's buffer away for one tunnel.
func TestAPanicInTheLoopEndsThatTunnelOnly(t *testing.T) {
	var book strings.Builder
	r, err := New(Config{Logger: slog.New(slog.NewTextHandler(&book, nil))})
	if err != nil {
		t.Fatal(err)
	}
	l := r.loops[0]
	buf := l.buf
	l.buf = nil
	near, clientEnd := pairOf(t)
	backendNear, backendEnd := pairOf(t)
	done := make(chan Stats, 1)
	r.Start(Tunnel{Client: near, Backend: backendNear, Done: func(s Stats) {
		l.buf = buf // Done runs on the loop's goroutine
		done <- s
	}})
	go r.Run(t.Context())
	io.WriteString(clientEnd, "ping")
	if s := <-done; s.Cause != Panicked {
		t.Error("ended because of", s.Cause)
	}
	if _, err := backendEnd.Read(make([]byte, 1)); err == nil {
		t.Error("the backend's side is open")
	}

	near, clientEnd = pairOf(t)
	backendNear, backendEnd = pairOf(t)
	r.Start(Tunnel{Client: near, Backend: backendNear})
	io.WriteString(clientEnd, "ping")
	if _, err := io.ReadFull(backendEnd, make([]byte, 4)); err != nil {
		t.Error("the loop does not go on:", err)
	}
	r.Close()
	if n := strings.Count(book.String(), "panic in the event loop"); n != 1 {
		t.Errorf("the panic was logged %d times", n)
	}
}
