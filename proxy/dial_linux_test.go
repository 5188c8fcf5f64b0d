package proxy

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

func option(t *testing.T, fd, level, name int) int {
	t.Helper()
	n, err := unix.GetsockoptInt(fd, level, name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// dialled returns a connection to a backend on a loop that nobody serves, and where the backend accepts it.
func dialled(t *testing.T) (*upConn, net.Listener) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	r, err := relay.New(relay.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	c := &upConn{home: &upstream{network: "tcp", addr: ln.Addr().String(), dialer: &net.Dialer{}, loops: r.Loops()}}
	if err := c.home.dialNow(c, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.own.Close() })
	return c, ln
}

func TestBackendsThatVanishAreFoundInTheEnd(t *testing.T) {
	if got := probe(time.Minute); got != 0 {
		t.Errorf("keep-alive probes every %v where the silence of a minute is the end", got)
	}
	if got := probe(time.Hour); got != 30*time.Second {
		t.Errorf("keep-alive probes every %v, want 30 s", got)
	}
	c, _ := dialled(t)
	raw, _ := c.own.SyscallConn()
	raw.Control(func(fd uintptr) {
		if option(t, int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY) == 0 {
			t.Error("small writes are held back")
		}
	})
}

// TestADialThatMeetsItselfIsRefused leaves the kernel a single port to dial from, at which nobody listens: the dialled one.
func TestADialThatMeetsItselfIsRefused(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := ln.Addr().(*net.TCPAddr)
	ln.Close()
	u := &upstream{network: "tcp", addr: to.String(), dialer: &net.Dialer{LocalAddr: to}}
	target, _ := u.target()
	if fd, err := connect(u.network, u.addr, target, u.bindSource); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got descriptor %d, %v", fd, err)
	}
}
