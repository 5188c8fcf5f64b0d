package relay_test

import (
	"crypto/tls"
	"net"
	"syscall"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// duplicate returns another descriptor of a connection's socket.
func (k *kit) duplicate(near net.Conn) int {
	k.t.Helper()
	fd, err := event.Duplicate(near.(syscall.Conn))
	if err != nil {
		k.t.Fatal(err)
	}
	return fd
}

func (k *kit) postAll() { k.relay.PostAll() }

// loopSocket takes a connection to the relay's loop.
func (k *kit) loopSocket(near net.Conn) net.Conn {
	k.t.Helper()
	fd := k.duplicate(near)
	s := new(event.Socket)
	if err := event.NewSocket(k.relay.Loops()[0], fd, s, nobody{}); err != nil {
		return near // the relay is closed already
	}
	near.Close()
	return s
}

// nobody owns a Socket that none has read from yet.
type nobody struct{}

func (nobody) Edge(*event.Socket, uint32) {}

// onLoop has the relay's loop do something.
func (k *kit) onLoop(do func()) {
	k.t.Helper()
	near, far := k.connect()
	defer far.Close()
	fd := k.duplicate(near)
	near.Close()
	w := &doer{do: do, done: make(chan struct{})}
	if err := event.NewSocket(k.relay.Loops()[0], fd, &w.sock, w); err != nil {
		k.t.Fatal(err)
	}
	receive(k.t, w.done)
}

// doer owns a Socket whose first edge, that it can be written to, comes at once.
type doer struct {
	sock event.Socket
	do   func()
	done chan struct{}
}

func (d *doer) Edge(s *event.Socket, _ uint32) {
	if d.do != nil {
		d.do()
		d.do = nil
		s.Close()
		close(d.done)
	}
}

// loopTLS puts TLS over a connection, with the handshake still to come, and then has it go on as a socket on the relay's loop.
func (k *kit) loopTLS(near net.Conn, side func(net.Conn, *tls.Config) *tls.Conn, cfg *tls.Config) handshaker {
	fd := k.duplicate(near)
	below := &onLoop{Conn: near}
	if err := event.NewSocket(k.relay.Loops()[0], fd, &below.sock, below); err != nil {
		return pairTLS{side(near, cfg)} // the relay is closed already
	}
	return &loopTLS{event.NewTLS(below, &below.sock, nil, side, cfg), near}
}

// onLoop is a connection that ends as a socket on a loop, which need not run yet while there is a handshake.
type onLoop struct {
	net.Conn
	sock event.Socket
}

// Edge implements event.Owner.
func (*onLoop) Edge(*event.Socket, uint32) {}

// SyscallConn implements syscall.Conn.
func (c *onLoop) SyscallConn() (syscall.RawConn, error) { return c.sock.SyscallConn() }

func (c *onLoop) Close() error { return c.sock.Close() }

type loopTLS struct {
	*event.TLS
	near net.Conn
}

func (c *loopTLS) shake(k *kit) net.Conn {
	if err := c.Handshake(k.t.Context()); err != nil {
		k.t.Error(err)
	}
	c.near.Close()
	return c.TLS
}
