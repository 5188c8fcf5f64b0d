//go:build !linux

package relay

import (
	"errors"
	"syscall"
)

// loop does not exist on this system: goroutine pairs carry every tunnel.
type loop struct{}

func newLoop(*Relay) (*loop, error)               { return nil, errors.ErrUnsupported }
func (*loop) run() error                          { return errors.ErrUnsupported }
func (*loop) wake()                               {}
func (*loop) close()                              {}
func (*loop) start(Tunnel) (bool, error)          { return false, errors.ErrUnsupported }
func (*loop) watch(*Watch, syscall.RawConn) error { return errors.ErrUnsupported }
func (*loop) unwatch(*Watch)                      {}

type registration struct{}
