package event

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// wire is what crypto/tls takes for the connection below it.
type wire struct {
	net.Conn // which waits, for the handshake
	below    Stream
	early    []byte // was read before TLS began

	established bool // the handshake is over, and nothing waits any more

	// The rest of a record, and what TryRead wants to know of a Read of crypto/tls, belong to whoever reads.
	header  [5]byte // of the record under way (RFC 8446 section 5.1)
	have    int     // how much of it has come
	left    int     // of the record's body
	reads   int     // how often something was asked for
	whole   int     // how many records ended in what was got
	drained bool    // the stream had less than was asked for

	mu     sync.Mutex
	corked bool
	kept   *bytes.Buffer // what the stream did not take yet; nil: nothing
}

// Read reads for crypto/tls. EAGAIN is a temporary error, and only others are for ever to crypto/tls.
func (w *wire) Read(p []byte) (int, error) {
	w.reads++
	n, err := w.read(p)
	w.follow(p[:n])
	return n, err
}

func (w *wire) read(p []byte) (int, error) {
	switch {
	case len(w.early) > 0:
		n := copy(p, w.early)
		w.early = w.early[n:]
		return n, nil
	case !w.established:
		return w.Conn.Read(p)
	case w.drained: // of what has come since, there will be another edge
		return 0, syscall.EAGAIN
	}
	n, err := w.below.TryRead(p)
	w.drained = n < len(p)
	return n, err
}

// follow keeps track of where records end.
func (w *wire) follow(p []byte) {
	for len(p) > 0 {
		if w.left > 0 {
			n := min(w.left, len(p))
			w.left -= n
			p = p[n:]
		} else {
			n := copy(w.header[w.have:], p)
			w.have += n
			p = p[n:]
			if w.have < len(w.header) {
				return
			}
			w.left = int(w.header[3])<<8 | int(w.header[4])
			w.have = 0
		}
		if w.left == 0 {
			w.whole++
		}
	}
}

// maxKept bounds what is kept: more than a burst needs is there only if the peer has crypto/tls answer and does not read.
const maxKept = 4 * burst

var errKept = errors.New("peer does not read what it asks for")

// keptBuffers are lent to connections whose stream does not take all at once.
var keptBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Write takes everything.
func (w *wire) Write(p []byte) (int, error) {
	if !w.established {
		return w.Conn.Write(p)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keptLen()+len(p) > maxKept {
		return 0, errKept
	}
	if w.kept == nil && !w.corked {
		n, err := w.below.TryWrite(p)
		if n == len(p) || err != nil && err != syscall.EAGAIN {
			return n, err
		}
		w.keep(p[n:])
		return len(p), nil
	}
	w.keep(p)
	if !w.corked {
		if err := w.send(); err != nil && err != syscall.EAGAIN {
			return 0, err
		}
	}
	return len(p), nil
}

func (w *wire) keep(p []byte) {
	if w.kept == nil {
		w.kept = keptBuffers.Get().(*bytes.Buffer)
	}
	w.kept.Write(p)
}

// cork has what is written be kept, for flush to send it at once.
func (w *wire) cork(on bool) {
	w.mu.Lock()
	w.corked = on
	w.mu.Unlock()
}

// flush sends what is kept; EAGAIN says that something still is.
func (w *wire) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.send()
}

// send is flush for who holds the lock.
func (w *wire) send() error {
	if w.kept == nil {
		return nil
	}
	n, err := w.below.TryWrite(w.kept.Bytes())
	if w.kept.Next(n); err != nil {
		return err
	}
	if w.kept.Len() > 0 {
		return syscall.EAGAIN
	}
	w.kept.Reset()
	keptBuffers.Put(w.kept)
	w.kept = nil
	return nil
}

func (w *wire) keptLen() int {
	if w.kept == nil {
		return 0
	}
	return w.kept.Len()
}

// SetWriteDeadline does nothing: crypto/tls sets one for its farewell, which never waits, and leaves it behind.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
