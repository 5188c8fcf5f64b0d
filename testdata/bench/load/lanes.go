//go:build linux

package load

import (
	"time"

	"github.com/holdfast-proxy/holdfast/testdata/bench/client"
)

// Kind is what a lane does over and over.
type Kind func(c *client.Conn, s *client.Session, id uint64) (lane, error)

// lane is one connection with its session. It does one thing at a time.
type lane struct {
	conn    *client.Conn
	send    func() error
	receive func() (ok bool, err error)

	busy  bool
	since time.Duration // when what it does was due, or sent; on the run's clock
	free  time.Duration // when it has last become free
}

// Poll is a poll that is answered at once.
func Poll(c *client.Conn, s *client.Session, _ uint64) (lane, error) {
	return lane{
		send:    func() error { return c.SendPoll(s) },
		receive: func() (bool, error) { return c.ReceivePoll(s) },
	}, nil
}

// Post is a POST with 64 bytes.
func Post(c *client.Conn, s *client.Session, _ uint64) (lane, error) {
	return lane{
		send:    func() error { return c.SendPost(s) },
		receive: func() (bool, error) { return c.ReceivePost(s) },
	}, nil
}

// Message is a WebSocket message of size bytes that comes back: the proxy carries two.
func Message(size int) Kind {
	return func(c *client.Conn, s *client.Session, id uint64) (lane, error) {
		f := client.NewFrame(id, size)
		return lane{
			send:    func() error { return c.SendFrame(f) },
			receive: func() (bool, error) { return c.ReceiveFrame(f) },
		}, c.Upgrade(s)
	}
}

// Lanes are connections to one proxy, all of a kind. Close them.
type Lanes []*lane

// Open makes n lanes. pins is what NewOpener takes.
func Open(t client.Target, pins bool, n int, kind Kind) (Lanes, error) {
	opener, err := NewOpener(t, pins)
	if err != nil {
		return nil, err
	}
	defer opener.Close()
	var all Lanes
	for id := range n {
		if err = all.add(t, opener, kind, uint64(id)); err != nil {
			all.Close()
			return nil, err
		}
	}
	return all, nil
}

func (all *Lanes) add(t client.Target, opener *Opener, kind Kind, id uint64) error {
	s, err := opener.Open()
	if err != nil {
		return err
	}
	conn, err := client.Dial(t)
	if err != nil {
		return err
	}
	l, err := kind(conn, s, id)
	l.conn = conn
	*all = append(*all, &l)
	return err
}

// Close closes the connections.
func (all Lanes) Close() {
	for _, l := range all {
		l.conn.Close()
	}
}
