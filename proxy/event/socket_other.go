//go:build !linux

package event

import (
	"errors"
	"net"
)

// The edges of a Socket.
const (
	In uint32 = 1 << iota
	Out
	Hup
)

// Socket does not exist on this system: nothing makes one.
type Socket struct{ net.Conn }

// TryRead fails.
func (*Socket) TryRead([]byte) (int, error) { return 0, errors.ErrUnsupported }

// TryWrite fails.
func (*Socket) TryWrite([]byte) (int, error) { return 0, errors.ErrUnsupported }

// AwaitRead fails.
func (*Socket) AwaitRead() error { return errors.ErrUnsupported }

// AwaitWrite fails.
func (*Socket) AwaitWrite() error { return errors.ErrUnsupported }

// Edges returns none.
func (*Socket) Edges() uint32 { return 0 }

// Loop returns nil.
func (*Socket) Loop() *Loop { return nil }

func (*Socket) remind() {}

// SetLinger fails.
func (*Socket) SetLinger(int) error { return errors.ErrUnsupported }

// Err fails.
func (*Socket) Err() error { return errors.ErrUnsupported }
