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
	owner Watcher
	by    *lookout // nil: somebody else calls HungUp

	mu    sync.Mutex
	armed bool
	gone  bool // the peer has left
	told  bool // the owner knows
}

// Watcher is the owner of a Watch. PeerLeft is called at most once, while the Watch is armed: from a goroutine of the relay when
// the peer sends a FIN or RST, or from Arm if it did so before. It must not block, nor call a method of the Watch.
type Watcher interface{ PeerLeft() }

// lookout is how the relay finds out that the peer has left.
type lookout struct {
	where registration // on a loop, if there is one
	loop  *loop
	peek  *peeker // where there is none
}

// Watch has w watch a connection that has a socket of its own, or is TLS over one, for owner. w must not have been used before.
//
// Stop must be called before the connection is closed or handed to Start.
func (r *Relay) Watch(w *Watch, conn net.Conn, owner Watcher) error {
	if over, ok := conn.(wrapper); ok {
		conn = over.NetConn()
	}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("relay: cannot watch a %T: it has no socket", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return fmt.Errorf("relay: watch: %w", err)
	}
	if r.stopping() {
		return ErrClosed
	}
	w.owner = owner
	if len(r.loops) == 0 {
		w.by = &lookout{peek: newPeeker(r, conn, raw)}
		return nil
	}
	w.by = &lookout{loop: r.loops[0]}
	if err := w.by.loop.watch(w, raw); err != nil {
		w.by = nil
		return err
	}
	return nil
}

// ToldBy has w watch for owner without a lookout of the relay's: it is told by somebody else, who calls HungUp, that the peer has
// left. w must not have been used before.
func (w *Watch) ToldBy(owner Watcher) { w.owner = owner }

// Arm begins a wait.
func (w *Watch) Arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = true
	w.tell()
	if w.by != nil && w.by.peek != nil && !w.gone {
		w.by.peek.start(w.HungUp)
	}
}

// Disarm ends a wait. When it has returned, PeerLeft is not running and is not called before the next Arm.
func (w *Watch) Disarm() {
	if w.by != nil && w.by.peek != nil {
		w.by.peek.stop()
	}
	w.mu.Lock()
	w.armed = false
	w.mu.Unlock()
}

// Stop ends the watching for good, if it has begun. When it has returned, PeerLeft is not running and is never called again. It may be
// called more than once, and after the relay has been closed.
func (w *Watch) Stop() {
	w.Disarm()
	if w.by != nil && w.by.loop != nil {
		w.by.loop.unwatch(w)
	}
}

// HungUp notes that the peer has left, and tells the owner if the Watch is armed.
func (w *Watch) HungUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = true
	w.tell()
}

// tell tells the owner if that is due. The caller holds the lock, so that Disarm waits for the call.
func (w *Watch) tell() {
	if w.armed && w.gone && !w.told {
		w.told = true
		w.owner.PeerLeft()
	}
}
