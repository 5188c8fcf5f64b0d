package relay

import "sync"

const (
	// readSize is what a goroutine reads at most at a time.
	readSize = 64 << 10
	// loopReadSize is the same for a loop, which has one buffer for all its tunnels. What is read of one and not taken by
	// its other side is held, so that this is also what a stalled direction can cost. With 256 and 512 KiB frames of 64 KiB
	// take no less CPU time.
	loopReadSize = 128 << 10
)

// buffers are lent to goroutines that have bytes in hand.
var buffers = sync.Pool{New: func() any { return new([readSize]byte) }}
