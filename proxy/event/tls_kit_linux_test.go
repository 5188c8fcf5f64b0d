package event

import (
	"bytes"
	"crypto/tls"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/tlstest"
)

// securePeer is the other end of a TLS connection, on which records can be sent in other pieces than they are written.
type securePeer struct {
	*tls.Conn
	below *pieces
	tcp   *net.TCPConn
}

// pieces is a connection that keeps what is written while it holds.
type pieces struct {
	net.Conn
	holds bool
	held  bytes.Buffer
}

func (p *pieces) Write(b []byte) (int, error) {
	if p.holds {
		return p.held.Write(b)
	}
	return p.Conn.Write(b)
}

// SetWriteDeadline does nothing: crypto/tls sets one behind its farewell, and there is more to be sent.
func (p *pieces) SetWriteDeadline(time.Time) error { return nil }

// records returns what do sends, without sending it.
func (p *securePeer) records(do func()) []byte {
	p.below.holds = true
	do()
	p.below.holds = false
	defer p.below.held.Reset()
	return bytes.Clone(p.below.held.Bytes())
}

// counted counts the calls that get to a stream.
type counted struct {
	Stream
	reads, writes int
}

func (c *counted) TryRead(p []byte) (int, error) {
	c.reads++
	return c.Stream.TryRead(p)
}

func (c *counted) TryWrite(p []byte) (int, error) {
	c.writes++
	return c.Stream.TryWrite(p)
}

// dialTLS is dial, with a TLS handshake of that version behind it. What it leaves in the stream has been read.
func (g *rig) dialTLS(t *testing.T, version uint16) (*TLS, *counted, *securePeer) {
	t.Helper()
	s, far, o := g.dial(t)
	o.await(t, Out)
	below := &pieces{Conn: far}
	peer := &securePeer{tls.Client(below, &tls.Config{InsecureSkipVerify: true, MaxVersion: version}), below, far}
	shaken := make(chan error, 1)
	go func() { shaken <- peer.Handshake() }()
	calls := &counted{Stream: s}
	server := NewTLS(s, calls, nil, tls.Server, serverTLS())
	if err := server.Handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	if n, err := server.TryRead(make([]byte, 1)); n > 0 || err != unix.EAGAIN {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	calls.reads, calls.writes = 0, 0
	return server, calls, peer
}

// serverTLS is the configuration of a server with a certificate that nobody knows.
var serverTLS = sync.OnceValue(func() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{tlstest.Certificate()}}
})
