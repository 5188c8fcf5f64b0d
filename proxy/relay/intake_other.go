//go:build !unix

package relay

func (in *intake) openRaw() bool { return false }
