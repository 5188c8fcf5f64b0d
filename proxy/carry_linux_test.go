package proxy

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
	"github.com/holdfast-proxy/holdfast/proxy/relay"
	"github.com/holdfast-proxy/holdfast/routing"
)

// restingConn returns a client's connection that waits for its next request.
func restingConn(t *testing.T) (c *conn, client net.Conn) {
	t.Helper()
	pool, sessions := routing.NewPool(routing.PoolConfig{}), routing.NewSessions(routing.SessionsConfig{})
	router, err := routing.NewRouter(routing.Config{Pool: pool, Sessions: sessions})
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(Config{Pool: pool, Router: router, Sessions: sessions})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- p.Serve(ln) }()
	t.Cleanup(func() {
		p.Shutdown(t.Context())
		<-served
	})
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	untilTrue(t, func() bool {
		p.eachConn(func(one *conn) { c = one })
		return c != nil && c.state.Load() == resting
	})
	return c, client
}

func untilTrue(t *testing.T, holds func() bool) {
	t.Helper()
	for late := time.Now().Add(30 * time.Second); !holds(); <-time.After(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("not in half a minute")
		}
	}
}

// TestTheWheelEndsOnlyWhatIsDue calls a connection back early, late, and late for a wait that is over.
func TestTheWheelEndsOnlyWhatIsDue(t *testing.T) {
	c, client := restingConn(t)
	c.Due()
	if c.state.Load() != resting || c.scheduled.Load() != c.due.Load() {
		t.Error("called back early, it does not go on waiting")
	}
	if !c.claim(resting) {
		t.Fatal("nobody sends anything, yet somebody has the connection")
	}
	c.giveUp(nil, nil)
	untilTrue(t, func() bool { return c.state.Load() == resting })
	c.due.Store(int64(c.p.now()))
	c.Due()
	client.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the client got %v, want the connection closed", err)
	}
}

// TestAnIdleConnectionIsLostOnlyWhenItsBackendSpeaks has the loop hear of a reply that was read already, and then of something
// that was not asked for.
func TestAnIdleConnectionIsLostOnlyWhenItsBackendSpeaks(t *testing.T) {
	c, ln := dialled(t)
	u := c.home
	backend, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	u.idle = []*upConn{c}
	c.Edge(&c.own, event.In)
	if len(u.idle) != 1 {
		t.Fatal("lost, though the backend has said nothing")
	}
	if _, err := backend.Write([]byte("HTTP/1.1 408 Request Timeout\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	untilTrue(t, func() bool {
		c.Edge(&c.own, event.In)
		return len(u.idle) == 0
	})
	if _, err := c.own.Write([]byte("x")); err != net.ErrClosed {
		t.Errorf("writing to it: %v, want it closed", err)
	}
}

// TestATunnelIsOpenedByTheLoopOfBothSidesOnly has exchanges with connections on several loops, of which any may have the exchange
// when its backend switches protocols: only if no other one has an event of theirs may a tunnel rely on there being none.
func TestATunnelIsOpenedByTheLoopOfBothSidesOnly(t *testing.T) {
	r, err := relay.New(relay.Config{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	one, two := r.Loops()[0], r.Loops()[1]
	for name, row := range map[string]struct {
		client, backend, on *event.Loop
		want                bool
	}{
		"the loop of both":            {one, one, one, true},
		"a loop of neither":           {one, one, two, false},
		"the loop of the client":      {one, two, one, false},
		"the loop of the backend":     {one, two, two, false},
		"a goroutine":                 {one, one, nil, false},
		"a goroutine, without a loop": {nil, nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := exchange{c: new(conn), up: new(upConn), on: row.on}
			if row.client != nil {
				register(t, row.client, &x.c.own, x.c)
				register(t, row.backend, &x.up.own, x.up)
			}
			if got := x.onLoopOfBoth(); got != row.want {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
}

// register puts one end of a connection on a loop.
func register(t *testing.T, l *event.Loop, s *event.Socket, owner event.Owner) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := event.NewSocket(l, pair[0], s, owner); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); event.CloseFD(pair[1]) })
}
