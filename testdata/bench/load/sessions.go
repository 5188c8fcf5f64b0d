//go:build linux

// Package load puts a proxy under one kind of load at a time and finds every wrong answer. What it makes of the
// machine's time is small and the same for every proxy.
package load

import (
	"fmt"

	"github.com/holdfast-proxy/holdfast/testdata/bench/client"
	"github.com/holdfast-proxy/holdfast/testdata/bench/stub"
)

// Opener opens sessions at a proxy, all over one connection. Close it.
type Opener struct {
	conn  *client.Conn
	pins  bool
	count int
}

// NewOpener connects. pins says that the proxy brings a session back to the backend that has opened it; without that,
// sids are made up, every stub takes them, and each must merely stay where it first went.
func NewOpener(t client.Target, pins bool) (*Opener, error) {
	conn, err := client.Dial(t)
	if err != nil {
		return nil, err
	}
	return &Opener{conn: conn, pins: pins}, nil
}

// Open opens a session.
func (o *Opener) Open() (*client.Session, error) {
	if o.pins {
		return o.conn.Handshake()
	}
	o.count++
	return &client.Session{SID: fmt.Sprintf("%s%04d", stub.AnySID, o.count)}, nil
}

// OpenAll opens n sessions.
func (o *Opener) OpenAll(n int) ([]*client.Session, error) {
	all := make([]*client.Session, n)
	for i := range all {
		s, err := o.Open()
		if err != nil {
			return nil, err
		}
		all[i] = s
	}
	return all, nil
}

// Close closes the connection; the sessions are good for others.
func (o *Opener) Close() { o.conn.Close() }
