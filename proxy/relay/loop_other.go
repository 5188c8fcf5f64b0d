//go:build !linux

package relay

import (
	"errors"
	"net"
	"syscall"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// loop does not exist on this system: goroutine pairs carry every tunnel.
type loop struct{}

func newLoop(*Relay, *event.Loop) *loop           { return nil }
func (*loop) start(Tunnel) (bool, error)          { return false, errors.ErrUnsupported }
func (*loop) has(net.Conn) bool                   { return false }
func (*loop) watch(*Watch, syscall.RawConn) error { return errors.ErrUnsupported }
func (*loop) unwatch(*Watch)                      {}
func (*loop) Close()                              {}

type registration struct{}
