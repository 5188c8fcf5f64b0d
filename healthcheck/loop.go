package healthcheck

import (
	"errors"
	"time"
)

// Loop is an event loop that a program has anyway, for checks to be made on.
// With timers and goroutines of the runtime each check wakes half a dozen
// threads in a program that has little else to do. Neither method calls anything
// itself, before it returns.
type Loop interface {
	// After has call called once d has passed, unless stop is called before.
	// call does not block.
	After(d time.Duration, call func()) (stop func())

	// Talk connects to a TCP address or a Unix socket (network is "tcp" or
	// "unix"), writes request and has reply called with nothing when it is
	// connected, with each piece that comes back, and with an error at the end:
	// io.EOF, or what has failed. With the error, or once reply returns false,
	// the connection is closed and reply is not called again. reply does not
	// block. hangUp closes the connection from any goroutine.
	//
	// If err is not nil, reply is never called; errors.ErrUnsupported asks for a
	// goroutine instead.
	Talk(network, address string, request []byte, reply func(p []byte, err error) (more bool)) (hangUp func(), err error)
}

// goroutines is what does without a Loop.
type goroutines struct{}

func (goroutines) After(d time.Duration, call func()) (stop func()) {
	t := time.AfterFunc(d, call)
	return func() { t.Stop() }
}

func (goroutines) Talk(string, string, []byte, func([]byte, error) bool) (func(), error) {
	return nil, errors.ErrUnsupported
}
