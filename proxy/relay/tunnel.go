package relay

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// Tunnel is what Start is given: two connections and what to know about them.
type Tunnel struct {
	Client, Backend net.Conn

	// ToClient and ToBackend are bytes that were already read from the other side; they go first in their direction.
	// Start copies what it cannot send at once.
	ToClient, ToBackend []byte

	// IdleTimeout ends the tunnel when no byte has moved either way for so long, give or take half a second; zero
	// means never.
	IdleTimeout time.Duration

	// Probe is how often TCP is to probe whether the backend is still there (tcp(7)), once the tunnel is that old; zero
	// leaves its socket as it is.
	Probe time.Duration

	// Prelude is how many bytes a client sends at most before it uses the tunnel. Until more have come from it, but for
	// ten seconds at most, Drain leaves the tunnel alone; zero means that it need not.
	Prelude int64

	// OnLoop says that Start is called by a handler of the loop that both connections are Sockets on.
	OnLoop bool

	// Group names the tunnels that EndGroup and Drain end together; any comparable value, usually the backend.
	Group any

	// Done is called exactly once, after both descriptors are closed. It runs on a goroutine of the relay, or on that
	// of a call of Drain or Close, which holds no lock of the relay. It may call the relay back but must not wait for
	// anything: other tunnels may be waiting for it. Nil means nobody wants to know.
	Done func(Stats)
}

// Stats is a tunnel's account of itself, for logs and metrics.
type Stats struct {
	ToClient, ToBackend int64 // bytes handed to the kernel for each side, early ones included
	Duration            time.Duration
	Cause               Cause
}

// Cause is why a tunnel ended: the first thing that began its end.
type Cause uint8

// The causes of a tunnel's end.
const (
	ClientClosed  Cause = iota + 1 // the client's FIN came first
	BackendClosed                  // the backend's FIN came first
	ClientFailed                   // the client's connection was reset or timed out
	BackendFailed                  // the backend's connection was reset or timed out
	Idle                           // nothing moved for IdleTimeout
	GroupEnded                     // EndGroup
	Drained                        // Drain, politely
	DrainCut                       // Drain, at its deadline
	Shutdown                       // the relay was closed
	Panicked                       // carrying it panicked; the log has the stack
	NoResources                    // the system refused to watch its sockets any longer
)

var causeNames = [...]string{
	ClientClosed: "client closed", BackendClosed: "backend closed", ClientFailed: "client failed",
	BackendFailed: "backend failed", Idle: "idle", GroupEnded: "group ended", Drained: "drained",
	DrainCut: "drain cut", Shutdown: "shutdown", Panicked: "panicked",
	NoResources: "no resources",
}

// String returns the cause in words, as it stands in log lines.
func (c Cause) String() string {
	if int(c) < len(causeNames) && causeNames[c] != "" {
		return causeNames[c]
	}
	return fmt.Sprintf("Cause(%d)", uint8(c))
}

// The two sides of a tunnel, as indices.
const (
	client = iota
	backend
)

// closedBy and failedBy blame a side for the tunnel's end.
var (
	closedBy = [2]Cause{client: ClientClosed, backend: BackendClosed}
	failedBy = [2]Cause{client: ClientFailed, backend: BackendFailed}
)

// carrier moves the bytes of one live tunnel. Its methods are called with the tunnel's lock held, at most once each.
type carrier interface {
	// hangUp closes the backend's side and sends the client a FIN behind what is queued for it. From then on the
	// client's bytes are read and dropped. The tunnel comes to its end when the client closes.
	hangUp()
	// keepAlive has TCP probe the backend so often.
	keepAlive(every time.Duration)
	// shutDown closes both sides. It reports whether that was the tunnel's end; otherwise the carrier sees to it.
	shutDown() bool
}

// liveTunnel is what a tunnel is to the rest of the relay, whatever carries it.
type liveTunnel struct {
	relay   *Relay
	carrier carrier
	done    func(Stats)
	idle    time.Duration
	probe   time.Duration // as in Tunnel; 0 also once it is seen to
	prelude int64
	started time.Duration
	heard   [2]atomic.Int64 // when the last byte came from each side, by the relay's clock
	sent    [2]atomic.Int64 // bytes handed to the kernel for each side

	mu      sync.Mutex // guards the following and the carrier's own state
	cause   Cause
	ending  bool          // hangUp was called
	closed  bool          // nothing may happen any more
	expires time.Duration // when the tunnel is cut at the latest; 0 is never

	place place       // guarded by the registry
	timer event.Timer // guarded by the wheel
}

// enter makes t known to the relay; it fails once the relay is closed. Whoever enters a tunnel must see it left.
func (t *liveTunnel) enter(r *Relay, c carrier, spec Tunnel) bool {
	now := r.clock.now()
	t.relay, t.carrier, t.done, t.started = r, c, spec.Done, now
	t.idle, t.probe, t.prelude = spec.IdleTimeout, spec.Probe, spec.Prelude
	t.heard[client].Store(int64(now))
	t.heard[backend].Store(int64(now))
	return r.tunnels.add(t, spec.Group)
}

// leave is a tunnel's last act, after both descriptors are closed. The caller holds no lock.
func (t *liveTunnel) leave() {
	r := t.relay
	r.wheel.Remove(&t.timer)
	r.tunnels.remove(t)
	defer r.tunnels.open.Done()
	if t.done == nil {
		return
	}
	defer r.rescue("a tunnel's Done", nil)
	t.done(Stats{
		ToClient:  t.sent[client].Load(),
		ToBackend: t.sent[backend].Load(),
		Duration:  r.clock.now() - t.started,
		Cause:     t.cause,
	})
}

// end begins the polite end of a tunnel, and reports whether it was this call that did.
func (t *liveTunnel) end(why Cause) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.endLocked(why)
}

func (t *liveTunnel) endLocked(why Cause) bool {
	if t.closed || t.ending {
		return false
	}
	t.blame(why)
	t.ending = true
	t.expireIn(lingerTimeout)
	t.carrier.hangUp()
	return true
}

// cut closes both sides of a tunnel at once, and reports whether it was this call that did.
func (t *liveTunnel) cut(why Cause) bool {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return false
	}
	t.blame(why)
	t.closed = true
	over := t.carrier.shutDown()
	t.mu.Unlock()
	if over {
		t.leave()
	}
	return true
}

// blame notes why the tunnel ends; the first cause stands. The caller holds the lock.
func (t *liveTunnel) blame(why Cause) {
	if t.cause == 0 {
		t.cause = why
	}
}

// lastFrom is when the last byte came from a side.
func (t *liveTunnel) lastFrom(side int) time.Duration { return time.Duration(t.heard[side].Load()) }

// lastHeard is when the last byte came from either side.
func (t *liveTunnel) lastHeard() time.Duration { return max(t.lastFrom(client), t.lastFrom(backend)) }

// unsettled says that the client has yet to begin using the tunnel.
func (t *liveTunnel) unsettled(now time.Duration) bool {
	return t.sent[backend].Load() <= t.prelude && t.prelude > 0 && now-t.started < preludeTimeout
}

func (t *liveTunnel) isEnding() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ending || t.closed
}
