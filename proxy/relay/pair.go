package relay

import (
	"errors"
	"io"
	"net"
	"time"
)

// pairTunnel is a tunnel carried by two goroutines, one for each direction.
type pairTunnel struct {
	liveTunnel
	intakes [2]intake // each belongs to the goroutine that reads it
	early   [2][]byte // bytes for each side that go first

	// Guarded by the tunnel's lock, as in loopTunnel's sides.
	running int // goroutines that have not ended yet
	eof     [2]bool
	deaf    [2]bool
}

func (r *Relay) startPair(spec Tunnel) error {
	t := &pairTunnel{running: 2}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.enter(r, t, spec) {
		return errors.Join(ErrClosed, closeBoth(spec))
	}
	t.early = [2][]byte{client: append([]byte(nil), spec.ToClient...), backend: append([]byte(nil), spec.ToBackend...)}
	for i, c := range [2]net.Conn{client: spec.Client, backend: spec.Backend} {
		c.SetDeadline(time.Time{})
		t.intakes[i].open(c)
	}
	t.schedule()
	r.tunnels.open.Go(t.carryToBackend)
	r.tunnels.open.Go(t.carryToClient)
	return nil
}

// carryToBackend and carryToClient have names of their own so that a stack dump shows which direction waits.
func (t *pairTunnel) carryToBackend() { t.carry(client, backend) }
func (t *pairTunnel) carryToClient()  { t.carry(backend, client) }

func (t *pairTunnel) carry(from, to int) {
	defer t.ended()
	defer t.relay.rescue("a tunnel's goroutine", func() { t.cut(Panicked) })
	in := &t.intakes[from]
	defer in.release()
	t.forward(to, t.early[to])
	t.early[to] = nil
	for {
		p, err := in.next()
		if err != nil {
			t.finished(from, to, err)
			return
		}
		t.heard[from].Store(int64(t.relay.clock.now()))
		t.forward(to, p)
		in.release()
	}
}

// forward writes p to a side, or drops it if that side takes nothing any more.
func (t *pairTunnel) forward(to int, p []byte) {
	if len(p) == 0 || t.isDeaf(to) {
		return
	}
	n, err := t.intakes[to].conn.Write(p)
	t.sent[to].Add(int64(n))
	if err == nil {
		return
	}
	t.mu.Lock()
	t.deaf[to] = true
	t.blame(failedBy[to])
	t.expireIn(lingerTimeout)
	gone := t.eof[to]
	t.mu.Unlock()
	if gone {
		t.failed(to)
	}
}

func (t *pairTunnel) isDeaf(side int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.deaf[side]
}

// finished passes the end of what a side sends on to the other side.
func (t *pairTunnel) finished(from, to int, err error) {
	// A TLS client that leaves without a word, as many do, has closed all the same.
	clean := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	t.mu.Lock()
	clean = clean && !t.deaf[from]
	t.eof[from] = true
	if clean {
		t.blame(closedBy[from])
		if t.running == 2 {
			t.expireIn(t.relay.halfClose)
		}
	}
	t.mu.Unlock()
	if !clean {
		t.failed(from)
	}
	closeWrite(t.intakes[to].conn)
}

// failed ends a tunnel one of whose sides is broken, unless it is ending already. Only to a client is the end a
// polite one.
func (t *pairTunnel) failed(side int) {
	if side == client {
		t.cut(ClientFailed)
		return
	}
	t.end(BackendFailed)
}

// ended is the last act of either goroutine.
func (t *pairTunnel) ended() {
	t.mu.Lock()
	t.running--
	last := t.running == 0
	if last {
		t.closed = true
		t.shutDown()
	}
	t.mu.Unlock()
	if last {
		t.leave()
	}
}

// hangUp implements carrier: the goroutine that reads the backend meets the closed connection and sends the FIN.
func (t *pairTunnel) hangUp() { closeNow(t.intakes[backend].conn) }

// keepAlive implements carrier. Other connections than a loop's are probed since they were dialled.
func (t *pairTunnel) keepAlive(every time.Duration) {
	if own, ok := t.intakes[backend].conn.(interface{ KeepAlive(time.Duration) }); ok {
		own.KeepAlive(every)
	}
}

// shutDown implements carrier: both goroutines meet a closed connection; the last one ends the tunnel.
func (t *pairTunnel) shutDown() bool {
	closeNow(t.intakes[client].conn)
	closeNow(t.intakes[backend].conn)
	return false
}

// wrapper is a connection over another, as *tls.Conn is.
type wrapper interface{ NetConn() net.Conn }

// closeNow closes a connection without a farewell that could block.
func closeNow(c net.Conn) {
	if w, ok := c.(wrapper); ok {
		c = w.NetConn()
	}
	c.Close()
}

// closeWrite sends a FIN; over TLS it stands behind a close_notify. A connection that has no half-close is closed.
func closeWrite(c net.Conn) {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		c.Close()
		return
	}
	half.CloseWrite()
	if w, ok := c.(wrapper); ok {
		closeWrite(w.NetConn())
	}
}
