package relay_test

import (
	"io"
	"net"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

// tunnel is a running tunnel as its two peers see it.
type tunnel struct {
	t               testing.TB
	client, backend net.Conn
	done            chan relay.Stats
}

// open starts a tunnel. Connections and Done are filled in.
func (k *kit) open(spec relay.Tunnel) *tunnel {
	k.t.Helper()
	tn := k.prepare(&spec)
	if err := k.start(spec); err != nil {
		k.t.Fatal(err)
	}
	return tn
}

// start has the relay carry the tunnel, from the loop itself on the lane that is for that, once it runs.
func (k *kit) start(spec relay.Tunnel) (err error) {
	if !k.sockets || !k.relay.Began() {
		return k.relay.Start(spec)
	}
	spec.OnLoop = true
	k.onLoop(func() { err = k.relay.Start(spec) })
	return err
}

// prepare fills in what a spec lacks.
func (k *kit) prepare(spec *relay.Tunnel) *tunnel {
	k.t.Helper()
	tn := &tunnel{t: k.t, done: make(chan relay.Stats, 2)} // a second call would be seen by whoever looks
	spec.Client, tn.client = k.connectClient()
	spec.Backend, tn.backend = k.connectBackend()
	if spec.Done == nil {
		spec.Done = func(s relay.Stats) { tn.done <- s }
	}
	return tn
}

// ended waits for the tunnel's end and checks its cause, and that Done came once.
func (tn *tunnel) ended(want relay.Cause) relay.Stats {
	tn.t.Helper()
	s := receive(tn.t, tn.done)
	if s.Cause != want {
		tn.t.Errorf("tunnel ended because of %q, want %q", s.Cause, want)
	}
	select {
	case <-tn.done:
		tn.t.Error("Done called twice")
	default:
	}
	return s
}

// exchange sends a message each way and expects it whole at the other side.
func (tn *tunnel) exchange() {
	tn.t.Helper()
	pass(tn.t, tn.client, tn.backend, "ping")
	pass(tn.t, tn.backend, tn.client, "pong")
}

func pass(t testing.TB, from, to net.Conn, msg string) {
	t.Helper()
	say(t, from, msg)
	hear(t, to, msg)
}

func say(t testing.TB, c net.Conn, msg string) {
	t.Helper()
	if _, err := io.WriteString(c, msg); err != nil {
		t.Fatal("write:", err)
	}
}

func hear(t testing.TB, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got[:n], err, want)
	}
}

// hearEOF expects the orderly end of the stream and nothing before it.
func hearEOF(t testing.TB, c net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Fatalf("read %d bytes, %v; want a plain end", len(rest), err)
	}
}

func closeWrite(t testing.TB, c net.Conn) {
	t.Helper()
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

// reset closes a connection, with an RST where there is one.
func reset(c net.Conn) {
	if w, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = w.NetConn()
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}
