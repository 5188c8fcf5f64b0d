//go:build linux

// Package client speaks Engine.IO to a proxy, on sockets that block or are served by an epoll loop, in plain or through
// TLS, and finds every reply that is not the one to its request, from the right backend and for the right session.
package client

import (
	"crypto/tls"
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// Target is where a proxy listens.
type Target struct {
	Port int         // on 127.0.0.1
	TLS  *tls.Config // nil: plain
}

// Conn is one connection to a proxy. It carries one exchange at a time.
type Conn struct {
	sock  *socket
	layer io.ReadWriter // the socket, or TLS over it
	in    []byte        // read and not yet consumed
	out   []byte
	nonce uint64 // of the request under way
}

// Dial connects, and completes the TLS handshake if there is to be one.
func Dial(t Target) (*Conn, error) {
	s, err := dial(&unix.SockaddrInet4{Port: t.Port, Addr: [4]byte{127, 0, 0, 1}})
	if err != nil {
		return nil, err
	}
	c := &Conn{sock: s, layer: s}
	if t.TLS == nil {
		return c, nil
	}
	layer := tls.Client(s, t.TLS)
	if err := layer.Handshake(); err != nil {
		s.Close()
		return nil, err
	}
	c.layer = layer
	return c, nil
}

// Close closes the socket as a client does that has seen enough: with a FIN, and through TLS without an alert.
func (c *Conn) Close() { c.sock.Close() }

// Nonblock prepares the connection for an epoll loop, and returns its descriptor.
func (c *Conn) Nonblock() (fd int, err error) { return c.sock.fd, c.sock.setNonblock() }

// Again says that a non-blocking connection had nothing to read.
func Again(err error) bool { return errors.Is(err, errAgain) }

// fill reads once.
func (c *Conn) fill() error {
	if len(c.in) == cap(c.in) {
		bigger := make([]byte, len(c.in), max(2*cap(c.in), 2048))
		copy(bigger, c.in)
		c.in = bigger
	}
	n, err := c.layer.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	return err
}

// consume drops the first n bytes read.
func (c *Conn) consume(n int) { c.in = c.in[:copy(c.in, c.in[n:])] }
