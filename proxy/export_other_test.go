//go:build !linux

package proxy

// SpreadLoops does nothing: there are no loops.
func SpreadLoops() {}
