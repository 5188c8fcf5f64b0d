//go:build !linux

package proxy

import (
	"errors"
	"time"
)

// dialSocket is not called where there are no event loops.
func (u *upstream) dialSocket(*upConn, time.Duration) error { return errors.ErrUnsupported }

// dialNow is not called where there are no event loops.
func (u *upstream) dialNow(*upConn) error { return errors.ErrUnsupported }
