//go:build linux

package client

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Frame is a client's WebSocket message (RFC 6455 section 5.2). It is masked with zeros, and the stub echoes it as it
// is: no relay looks into frames, so none can object that a server must not mask. Its first bytes are a nonce, new with
// each sending.
type Frame struct {
	bytes []byte
	at    int // of the nonce
}

// NewFrame makes a binary message with a payload of size bytes, at least 64. No two with different ids ever are equal.
func NewFrame(id uint64, size int) *Frame {
	f := &Frame{bytes: []byte{0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0}}
	switch {
	case size < 126:
		f.bytes = []byte{0x82, 0x80 | byte(size)}
	case size < 1<<16:
		f.bytes = binary.BigEndian.AppendUint16([]byte{0x82, 0x80 | 126}, uint16(size))
	default:
		binary.BigEndian.PutUint64(f.bytes[2:], uint64(size))
	}
	f.bytes = append(f.bytes, 0, 0, 0, 0) // the mask
	f.at = len(f.bytes)
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	binary.BigEndian.PutUint64(payload[8:], id)
	f.bytes = append(f.bytes, payload...)
	return f
}

// Len is how many bytes the message has on the wire.
func (f *Frame) Len() int { return len(f.bytes) }

// SendFrame sends the message with a new nonce.
func (c *Conn) SendFrame(f *Frame) error {
	c.nonce++
	binary.BigEndian.PutUint64(f.bytes[f.at:], c.nonce)
	if _, err := c.layer.Write(f.bytes); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	return nil
}

// ReceiveFrame takes the echo of what SendFrame has sent, if it has come whole.
func (c *Conn) ReceiveFrame(f *Frame) (ok bool, err error) {
	for len(c.in) < len(f.bytes) {
		if err := c.fill(); Again(err) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	if !bytes.Equal(c.in, f.bytes) {
		return false, errors.New("a message came back changed, or was somebody else's")
	}
	c.in = c.in[:0]
	return true, nil
}

// Echo sends the message and waits for its echo, on a connection that blocks.
func (c *Conn) Echo(f *Frame) error {
	if err := c.SendFrame(f); err != nil {
		return err
	}
	_, err := c.ReceiveFrame(f)
	return err
}
