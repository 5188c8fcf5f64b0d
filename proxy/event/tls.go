package event

import (
	"context"
	"crypto/tls"
	"net"
	"syscall"
)

// Stream is a stream that can be read and written without waiting, as a Socket is: what cannot be done at once fails with
// EAGAIN.
type Stream interface {
	TryRead(p []byte) (int, error)
	TryWrite(p []byte) (int, error)
	AwaitRead() error // as long as the deadlines of the connection allow
	AwaitWrite() error
}

// TLS is TLS over a Stream, and a Stream itself. Like a Socket it is a net.Conn as well.
//
// Once the handshake is over, crypto/tls never waits: what it wants to read and is not there is an error to it, after which
// it can be asked again, and what it writes and the stream does not take is kept here.
//
// One goroutine may read while another writes. Close, and the deadlines, are anybody's.
type TLS struct {
	net.Conn // that TLS is spoken over: its addresses and its deadlines
	layer    *tls.Conn
	wire     wire

	failed error // why nothing more can be read; belongs to whoever reads
	more   bool  // something may be left that has been read from the stream, likewise
	owed   int   // how many bytes were encrypted, but not reported as written; belongs to whoever writes
}

// NewTLS begins to speak TLS over nc, as side does, which is tls.Server or tls.Client. below is what nc is as a Stream, and
// early has been read from it already. Handshake comes next.
//
// cfg must not allow renegotiation, which would have to wait in the middle of a read.
func NewTLS(nc net.Conn, below Stream, early []byte, side func(net.Conn, *tls.Config) *tls.Conn, cfg *tls.Config) *TLS {
	t := &TLS{Conn: nc, wire: wire{Conn: nc, below: below, early: early}}
	t.layer = side(&t.wire, cfg)
	return t
}

// Handshake performs the handshake, and waits for that as long as ctx allows; otherwise it closes the connection.
func (t *TLS) Handshake(ctx context.Context) error {
	if err := t.layer.HandshakeContext(ctx); err != nil {
		return err
	}
	t.wire.established = true
	t.leave(true) // what has come with its last part
	return nil
}

// Socket is the socket that TLS is spoken over; nil if it is something else.
func (t *TLS) Socket() *Socket {
	s, _ := t.wire.below.(*Socket)
	return s
}

// Over has TLS go on over another Stream, after Socket.Take. The caller must be the only user.
func (t *TLS) Over(below Stream) { t.wire.below = below }

// NetConn returns what TLS is spoken over.
func (t *TLS) NetConn() net.Conn { return t.Conn }

// TryRead reads what is there: EAGAIN says that nothing is, or no whole record, and io.EOF that nothing ever will be. If it
// fills less than p, nothing is left but what More says.
func (t *TLS) TryRead(p []byte) (n int, err error) {
	t.wire.drained = false
	return t.tryRead(p)
}

// TryRest is TryRead for what has been read from the stream below already.
func (t *TLS) TryRest(p []byte) (n int, err error) {
	t.wire.drained = true
	return t.tryRead(p)
}

func (t *TLS) tryRead(p []byte) (n int, err error) {
	for n < len(p) && t.failed == nil {
		t.wire.reads, t.wire.whole = 0, 0
		m, err := t.layer.Read(p[n:])
		if err != nil && err != syscall.EAGAIN {
			t.failed = err
		}
		n += m
		if err != nil || t.wire.drained && t.wire.reads == 1 && t.wire.whole == 1 && n < len(p) {
			break // in the latter case of one record, which has come just now, all has been returned
		}
	}
	t.leave(n == len(p) || t.failed != nil)
	switch {
	case n > 0 || len(p) == 0:
		return n, nil
	case t.failed != nil:
		return 0, t.failed
	}
	return 0, syscall.EAGAIN
}

// leave notes whether there may be more to be read. Of that no edge will tell.
func (t *TLS) leave(more bool) {
	if t.more = more; !more {
		return
	}
	if s := t.Socket(); s != nil {
		s.remind()
	}
}

// More says that something may be left to be read that has been taken from the stream below, so that this will not tell of
// it; an end, or a failure, is something too.
func (t *TLS) More() bool { return t.more }

// Whole says that what was taken from the stream below ends with a whole record.
func (t *TLS) Whole() bool { return t.wire.have == 0 && t.wire.left == 0 }

// burst is how many bytes are encrypted at a time, and sent at once.
const burst = 64 << 10

// TryWrite writes what the stream below takes: EAGAIN says that it takes nothing now. The caller is to offer the rest of p
// again, since some of that may be on its way already: of what is encrypted, at least a byte counts as not written until
// the stream has taken all of it.
func (t *TLS) TryWrite(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := t.wire.flush(); err != nil {
		return 0, err
	}
	n, t.owed = t.owed, 0
	for n < len(p) {
		m, err := t.encrypt(p[n:min(len(p), n+burst)])
		n += m
		if err == syscall.EAGAIN {
			t.owed = 1
			n--
			break
		}
		if err != nil {
			return n, err
		}
	}
	if n == 0 {
		return 0, syscall.EAGAIN
	}
	return n, nil
}

// oneRecord is how much certainly fits into a record: crypto/tls begins with small ones.
const oneRecord = 1 << 10

// encrypt sends p in as many records as it takes, at once. EAGAIN says that some of them are kept.
func (t *TLS) encrypt(p []byte) (int, error) {
	if len(p) > oneRecord {
		t.wire.cork(true)
		defer t.wire.cork(false)
	}
	n, err := t.layer.Write(p)
	if err != nil {
		return n, err
	}
	return n, t.wire.flush()
}

// Kept is how many encrypted bytes the stream below has not taken yet.
func (t *TLS) Kept() int {
	t.wire.mu.Lock()
	defer t.wire.mu.Unlock()
	return t.wire.keptLen()
}

// AwaitRead waits until the stream below has something to be read.
func (t *TLS) AwaitRead() error { return t.wire.below.AwaitRead() }

// AwaitWrite waits until the stream below takes something.
func (t *TLS) AwaitWrite() error { return t.wire.below.AwaitWrite() }

// Read implements net.Conn.
func (t *TLS) Read(p []byte) (int, error) {
	for {
		n, err := t.TryRead(p)
		if err != syscall.EAGAIN {
			return n, err
		}
		if err := t.AwaitRead(); err != nil {
			return 0, err
		}
	}
}

// Write implements net.Conn.
func (t *TLS) Write(p []byte) (n int, err error) {
	for n < len(p) {
		m, err := t.TryWrite(p[n:])
		n += m
		if err == syscall.EAGAIN {
			err = t.AwaitWrite()
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// CloseWrite sends a close_notify, unless the stream below does not take it at once.
func (t *TLS) CloseWrite() error { return t.layer.CloseWrite() }

// Close implements net.Conn. It says farewell as CloseWrite does.
func (t *TLS) Close() error { return t.layer.Close() }
