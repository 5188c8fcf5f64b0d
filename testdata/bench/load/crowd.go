//go:build linux

package load

import "github.com/holdfast-proxy/holdfast/testdata/bench/client"

// Crowd is many connections that do nothing. Close it.
type Crowd []*client.Conn

// Idleness brings a connection to where it stays.
type Idleness func(c *client.Conn, o *Opener) error

// Tunnel is an upgraded WebSocket of a session of its own.
func Tunnel(c *client.Conn, o *Opener) error {
	s, err := o.Open()
	if err != nil {
		return err
	}
	return c.Upgrade(s)
}

// WaitingPoll is a poll, of a session of its own, that the backend does not answer.
func WaitingPoll(c *client.Conn, o *Opener) error {
	s, err := o.Open()
	if err != nil {
		return err
	}
	return c.SendWait(s)
}

// KeepAlive is a client whose poll has been answered.
func KeepAlive(c *client.Conn, o *Opener) error {
	s, err := o.Open()
	if err != nil {
		return err
	}
	return c.Poll(s)
}

// Gather brings n connections there, one after the other. A nil way leaves them silent: connected, and nothing said, not
// even a TLS handshake.
func Gather(t client.Target, pins bool, n int, way Idleness) (crowd Crowd, err error) {
	opener, err := NewOpener(t, pins)
	if err != nil {
		return nil, err
	}
	defer opener.Close()
	if way == nil {
		t.TLS = nil
	}
	for len(crowd) < n && err == nil {
		var c *client.Conn
		if c, err = client.Dial(t); err != nil {
			break
		}
		crowd = append(crowd, c)
		if way != nil {
			err = way(c, opener)
		}
	}
	if err != nil {
		crowd.Close()
	}
	return crowd, err
}

// Close closes the connections.
func (c Crowd) Close() {
	for _, conn := range c {
		conn.Close()
	}
}
