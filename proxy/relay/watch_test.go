package relay_test

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

// watched is a connection under watch.
type watched struct {
	*relay.Watch
	near, far net.Conn
	told      chan struct{}
}

func (k *kit) watch() *watched {
	k.t.Helper()
	w := &watched{told: make(chan struct{}, 2)}
	k.wrapped = true // what is on a loop tells of itself
	w.near, w.far = k.connectClient()
	var err error
	if w.Watch, err = watch(k.relay, w.near, func() { w.told <- struct{}{} }); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		w.Stop()
		w.near.Close()
		if len(w.told) > 0 {
			k.t.Error("told once more than it should")
		}
	})
	return w
}

func TestAWatchTellsThatThePeerHasLeft(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		for name, leave := range map[string]func(net.Conn){
			"closed":      func(c net.Conn) { c.Close() },
			"half-closed": halfClose,
			"reset":       reset,
		} {
			t.Run(name, func(t *testing.T) {
				w := k.watch()
				w.Arm()
				leave(w.far)
				receive(t, w.told)
				w.Disarm()
				w.Arm() // is told once
				w.Disarm()
			})
		}
	})
}

// halfClose sends a FIN, and nothing that the peer could read before it.
func halfClose(c net.Conn) {
	if w, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = w.NetConn()
	}
	c.(interface{ CloseWrite() error }).CloseWrite()
}

func TestAPeerThatLeftBeforeArmIsNoticed(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		w := k.watch()
		halfClose(w.far)
		if n, err := w.near.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Fatal("no end seen")
		}
		w.Arm()
		receive(t, w.told)
	})
}

func TestAWatchNeitherTakesBytesNorBlocksTheReader(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		w := k.watch()
		w.Arm()
		say(t, w.far, "a pipelined request")
		w.Disarm()
		hear(t, w.near, "a pipelined request")
		w.Arm()
		w.Disarm()
		pass(t, w.far, w.near, "another")
		w.Arm()
		halfClose(w.far)
		receive(t, w.told)
	})
}

func TestAWatchIsSilentAfterDisarmAndStop(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		var armed atomic.Bool
		var closing sync.WaitGroup
		for i := range 200 {
			near, far := k.connect()
			w, err := watch(k.relay, near, func() {
				if !armed.Load() {
					t.Error("told while not armed")
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			armed.Store(true)
			w.Arm()
			closing.Go(func() { far.Close() })
			if i%2 == 0 {
				w.Disarm()
			} else {
				w.Stop()
			}
			armed.Store(false)
			w.Stop()
			near.Close()
		}
		closing.Wait()
	})
}

func TestAWatchedConnectionCanBecomeATunnel(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		var spec relay.Tunnel
		k.wrapped = true
		tn := k.prepare(&spec)
		w, err := watch(k.relay, spec.Client, func() { t.Error("told") })
		if err != nil {
			t.Fatal(err)
		}
		w.Arm()
		w.Stop()
		if err := k.relay.Start(spec); err != nil {
			t.Fatal(err)
		}
		tn.exchange()
		tn.client.Close()
		hearEOF(t, tn.backend)
		tn.backend.Close()
		tn.ended(relay.ClientClosed)
	})
}

func TestAWatchMayOutliveTheRelay(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		w := k.watch()
		k.relay.Close()
		w.Stop()
		if _, err := watch(k.relay, w.near, func() {}); !errors.Is(err, relay.ErrClosed) {
			t.Error("Watch after Close:", err)
		}
	})
}

func TestOnlyAConnectionWithASocketCanBeWatched(t *testing.T) {
	k := newKit(t, lanes[0])
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	if _, err := watch(k.relay, near, func() {}); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Error("watching a pipe:", err)
	}
}

func TestAPanicOfACallbackIsLoggedOnce(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		near, far := k.connect()
		called := make(chan struct{})
		w, err := watch(k.relay, near, func() { close(called); panic("out of order") })
		if err != nil {
			t.Fatal(err)
		}
		w.Arm()
		far.Close()
		receive(t, called)
		w.Stop()
		near.Close()
		k.open(relay.Tunnel{}).exchange()
		k.relay.Close()
		if lines := k.log.lines(); len(lines) != 1 || !strings.Contains(lines[0], "out of order") {
			t.Errorf("logged %q, want one line about the panic", lines)
		}
	})
}

// watch has a new Watch watch a connection, and call onHangup.
func watch(r *relay.Relay, conn net.Conn, onHangup func()) (*relay.Watch, error) {
	w := new(relay.Watch)
	return w, r.Watch(w, conn, whenLeft(onHangup))
}

// whenLeft is a relay.Watcher.
type whenLeft func()

func (f whenLeft) PeerLeft() { f() }
