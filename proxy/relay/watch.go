package relay

import (
	"fmt"
	"net"
	"sync"
	"syscall"
)

// Watch tells its owner that a connection's peer has left while nobody reads from it. It is made once for a connection
// and armed around every wait. A half-close looks like leaving.
//
// For the sake of systems without epoll nobody may read from the connection between Arm and Disarm, whose read deadline
// Disarm then removes; there, a peer that left behind bytes not yet read may go unnoticed. On Linux a Watch never
// touches the connection, and arming it makes no system call.
type Watch struct {
	onHangup func()
	where    registration // on a loop, if there is one
	loop     *loop
	peek     *peeker // where there is none

	mu    sync.Mutex
	armed bool
	gone  bool // the peer has left
	told  bool // onHangup was called
}

// Watch begins to watch a connection that has a socket of its own, or is TLS over one. It calls onHangup at most once,
// while the Watch is armed: from a goroutine of the relay when the peer sends a FIN or RST, or from Arm if it did so
// before. onHangup must not block, nor call a method of the Watch.
//
// Stop must be called before the connection is closed or handed to Start.
func (r *Relay) Watch(conn net.Conn, onHangup func()) (*Watch, error) {
	if w, ok := conn.(wrapper); ok {
		conn = w.NetConn()
	}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("relay: cannot watch a %T: it has no socket", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("relay: watch: %w", err)
	}
	if r.stopping() {
		return nil, ErrClosed
	}
	w := &Watch{onHangup: onHangup}
	if len(r.loops) == 0 {
		w.peek = newPeeker(r, conn, raw)
		return w, nil
	}
	w.loop = r.loops[0]
	if err := w.loop.watch(w, raw); err != nil {
		return nil, err
	}
	return w, nil
}

// NewWatch makes a Watch that is told by somebody else, who calls HungUp, that the peer has left.
func NewWatch(onHangup func()) *Watch { return &Watch{onHangup: onHangup} }

// Arm begins a wait.
func (w *Watch) Arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = true
	w.tell()
	if w.peek != nil && !w.gone {
		w.peek.start(w.HungUp)
	}
}

// Disarm ends a wait. When it has returned, onHangup is not running and is not called before the next Arm.
func (w *Watch) Disarm() {
	if w.peek != nil {
		w.peek.stop()
	}
	w.mu.Lock()
	w.armed = false
	w.mu.Unlock()
}

// Stop ends the watching for good. When it has returned, onHangup is not running and is never called again. It may be
// called more than once, and after the relay has been closed.
func (w *Watch) Stop() {
	w.Disarm()
	if w.loop != nil {
		w.loop.unwatch(w)
	}
}

// HungUp notes that the peer has left, and calls onHangup if the Watch is armed.
func (w *Watch) HungUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = true
	w.tell()
}

// tell calls onHangup if it is due. The caller holds the lock, so that Disarm waits for the call.
func (w *Watch) tell() {
	if w.armed && w.gone && !w.told {
		w.told = true
		w.onHangup()
	}
}
