package relay

import "sync"

const (
	// readSize is what a goroutine reads at most at a time.
	readSize = 64 << 10
	// loopReadSize is the same for a loop, which has one buffer for all its tunnels. What is read of one and not taken by
	// its other side is held, so that this is also what a stalled direction can cost. Frames of 64 KiB: 64 KiB a read take
	// a fifth more CPU time.
	loopReadSize = 256 << 10
)

// buffers are lent to goroutines that have bytes in hand.
var buffers = sync.Pool{New: func() any { return new([readSize]byte) }}
