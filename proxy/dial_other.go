//go:build !linux

package proxy

import (
	"errors"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// dialSocket is not called where there are no event loops.
func (u *upstream) dialSocket(*upConn, time.Duration) error { return errors.ErrUnsupported }

// dialNow is not called where there are no event loops.
func (u *upstream) dialNow(*upConn, *event.Socket) error { return errors.ErrUnsupported }
