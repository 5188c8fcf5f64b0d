//go:build !linux

package proxy

// PostAll does nothing.
func (*Proxy) PostAll() {}

// SpreadLoops does nothing: there are no loops.
func SpreadLoops() {}
