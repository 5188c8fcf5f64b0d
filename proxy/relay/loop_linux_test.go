package relay

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"
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

// registered returns what an epoll instance watches of a tunnel, as the kernel tells it.
func registered(t *testing.T, l *loop, tunnel *loopTunnel) (list []string) {
	t.Helper()
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", l.Descriptor()))
	if err != nil {
		t.Fatal(err)
	}
	tunnel.mu.Lock()
	defer tunnel.mu.Unlock()
	for line := range strings.Lines(string(info)) {
		words := strings.Fields(line) // tfd: 5 events: 19 …
		for i := range tunnel.sides {
			if words[0] == "tfd:" && words[1] == fmt.Sprint(tunnel.sides[i].fd) {
				list = append(list, strings.Join(words[2:4], " "))
			}
		}
	}
	return list
}

// TestASideThatIsNotReadIsNotWatched covers the trap that EPOLLHUP and EPOLLERR cannot be masked: a client that resets
// while the backend does not read would otherwise be reported over and over.
func TestASideThatIsNotReadIsNotWatched(t *testing.T) {
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
	l, tunnel := r.loops[0], r.tunnels.list(nil, true)[0].carrier.(*loopTunnel)
	const readable, readableAndWritable = "events: 80002019", "events: 8000201d" // with EPOLLERR and EPOLLHUP, which are always there
	if got := registered(t, l, tunnel); len(got) != 2 || got[0] != readable || got[1] != readable {
		t.Errorf("epoll watches %q at first", got)
	}
	// In the end the backend is still read, and waited for until it takes more.
	late, p, got := time.Now().Add(30*time.Second), make([]byte, 64<<10), []string(nil)
	for blocked := false; !blocked; blocked = len(got) == 1 && got[0] == readableAndWritable {
		if time.Now().After(late) {
			t.Fatalf("epoll watches %q while the backend is blocked, want it alone", got)
		}
		for clientEnd.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err == nil; {
			_, err = clientEnd.Write(p)
		}
		got, err = registered(t, l, tunnel), nil
	}
	clientEnd.SetLinger(0)
	clientEnd.Close()
	io.Copy(io.Discard, backendEnd)
	backendEnd.Close()
	if s := <-done; s.Cause != ClientFailed {
		t.Error("ended because of", s.Cause)
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
