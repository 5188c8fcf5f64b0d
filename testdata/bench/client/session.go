//go:build linux

package client

import (
	"bytes"
	"fmt"
	"strconv"
)

// Handshake opens a session.
func (c *Conn) Handshake() (*Session, error) {
	s := &Session{}
	if err := c.SendPoll(s); err != nil {
		return nil, err
	}
	_, err := c.receive(s, func(r reply) bool {
		return bytes.HasPrefix(r.body, []byte(`0{"sid":"`+s.SID+`"`))
	})
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return s, nil
}

// Poll carries one poll on a connection that blocks.
func (c *Conn) Poll(s *Session) error {
	if err := c.SendPoll(s); err != nil {
		return err
	}
	_, err := c.ReceivePoll(s)
	return err
}

// Upgrade makes the connection, which blocks, a WebSocket.
func (c *Conn) Upgrade(s *Session) error {
	if err := c.sendUpgrade(s); err != nil {
		return err
	}
	if _, err := c.receive(s, func(r reply) bool { return r.status == 101 }); err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	return nil
}

// Waiting asks a stub, not a proxy, how many polls wait at it.
func (c *Conn) Waiting() (int, error) {
	if _, err := c.layer.Write([]byte("GET /waiting HTTP/1.1\r\n\r\n")); err != nil {
		return 0, err
	}
	for {
		r, n, err := c.next()
		if n > 0 {
			count, err := strconv.Atoi(string(r.body))
			c.consume(n)
			return count, err
		}
		if err == nil {
			err = c.fill()
		}
		if err != nil {
			return 0, err
		}
	}
}
