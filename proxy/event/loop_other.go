//go:build !linux

package event

import (
	"errors"
	"log/slog"
	"time"
)

// Loop does not exist on this system.
type Loop struct{}

// NewLoop returns errors.ErrUnsupported.
func NewLoop(*slog.Logger, func() time.Duration, bool) (*Loop, error) {
	return nil, errors.ErrUnsupported
}

// Run returns errors.ErrUnsupported.
func (*Loop) Run() error { return errors.ErrUnsupported }

// Stop does nothing.
func (*Loop) Stop() {}

// Close does nothing.
func (*Loop) Close() {}

// After does nothing.
func (*Loop) After(time.Duration, func()) (stop func()) { return func() {} }

// Post does nothing.
func (*Loop) Post(*Socket, []byte, Poster) bool { return false }
