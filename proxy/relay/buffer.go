package relay

import "sync"

// readSize is what one read takes at most, and so what a stalled direction can hold.
const readSize = 256 << 10

// buffers are lent to goroutines that have bytes in hand.
var buffers = sync.Pool{New: func() any { return new([readSize]byte) }}
