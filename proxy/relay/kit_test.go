package relay_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
	"github.com/holdfast-proxy/holdfast/proxy/tlstest"
)

func TestMain(m *testing.M) {
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close() // the runtime has opened its poller now, which no test is to take for its own
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test that would otherwise hang.
const patience = 30 * time.Second

// lane is a way for bytes to travel: every rule holds on all of them.
type lane struct {
	name    string
	loops   int
	network string
	tls     bool // the client speaks TLS
	sealed  bool // and so does the backend
	wrapped bool // in a way that no loop carries
	sockets bool // both are Sockets on the loop, which begins the tunnel itself
	posted  bool // the loop sends by way of its ring, where the kernel gives it one
}

var lanes = []lane{
	{name: "epoll loop, TCP", network: "tcp"},
	{name: "epoll loop, Unix sockets", network: "unix"},
	{name: "goroutine pair, TCP", network: "tcp", loops: -1},
	{name: "goroutine pair, Unix sockets", network: "unix", loops: -1},
	{name: "epoll loop, Sockets on it", network: "tcp", sockets: true},
	{name: "epoll loop, all posted", network: "tcp", posted: true},
	{name: "epoll loop, TLS client", network: "tcp", tls: true},
	{name: "epoll loop, TLS client, all posted", network: "tcp", tls: true, posted: true},
	{name: "epoll loop, TLS on both sides", network: "tcp", tls: true, sealed: true},
	{name: "goroutine pair, TLS client", network: "tcp", tls: true, wrapped: true},
}

// onEveryLane runs a test of a rule with a relay of its own on each lane.
func onEveryLane(t *testing.T, test func(t *testing.T, k *kit)) {
	for _, l := range lanes {
		t.Run(l.name, func(t *testing.T) { test(t, newKit(t, l)) })
	}
}

// kit is a running relay on a clock that the test turns, with listeners to make connections through. At its end it
// checks that the relay leaves no descriptor behind.
type kit struct {
	lane
	relay *relay.Relay
	clock *fakeClock
	log   *logBook
	ran   chan error // what Run returned

	t      testing.TB
	near   net.Listener
	mu     sync.Mutex
	opened []net.Conn
}

func newKit(t testing.TB, l lane) *kit {
	t.Helper()
	k := newIdleKit(t, l)
	k.run(context.Background())
	return k
}

// newIdleKit is a kit whose relay does not run yet.
func newIdleKit(t testing.TB, l lane) *kit {
	t.Helper()
	before := openDescriptors(t)
	t.Cleanup(func() {
		if after := openDescriptors(t); after != before {
			t.Errorf("%d descriptors open at the end, %d at the beginning", after, before)
		}
	})
	k := &kit{lane: l, t: t, clock: newFakeClock(), log: &logBook{}, ran: make(chan error, 1)}
	logger := slog.New(slog.NewTextHandler(k.log, nil))
	var err error
	k.relay, err = relay.NewWithClock(relay.Config{Loops: l.loops, Logger: logger}, k.clock.now, k.clock.after)
	if err != nil {
		t.Fatal(err)
	}
	if l.posted {
		k.postAll()
	}
	addr := "127.0.0.1:0"
	if l.network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	if k.near, err = net.Listen(l.network, addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.close)
	return k
}

// run returns once the relay runs: one that is closed before says so.
func (k *kit) run(ctx context.Context) {
	go func() { k.ran <- k.relay.Run(ctx) }()
	for !k.relay.Began() {
		runtime.Gosched()
	}
}

func (k *kit) close() {
	if err := k.relay.Close(); err != nil {
		k.t.Error("Close:", err)
	}
	k.near.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.opened {
		c.Close()
	}
}

// connect returns both ends of a new connection: the one for the relay, and the peer's.
func (k *kit) connect() (near, far net.Conn) {
	k.t.Helper()
	far, err := net.Dial(k.network, k.near.Addr().String())
	if err != nil {
		k.t.Fatal(err)
	}
	if near, err = k.near.Accept(); err != nil {
		k.t.Fatal(err)
	}
	far.SetDeadline(time.Now().Add(patience))
	k.mu.Lock()
	k.opened = append(k.opened, far)
	k.mu.Unlock()
	return near, far
}

// connectClient is connect for the client's side, over TLS where the lane says so.
func (k *kit) connectClient() (near, far net.Conn) {
	k.t.Helper()
	near, far = k.connect()
	if k.sockets && !k.wrapped {
		near = k.loopSocket(near)
	}
	if !k.tls {
		return near, far
	}
	return k.secure(near, far, tls.Server, tls.Client)
}

// connectBackend is connect for the backend's side.
func (k *kit) connectBackend() (near, far net.Conn) {
	k.t.Helper()
	near, far = k.connect()
	if k.sockets {
		near = k.loopSocket(near)
	}
	if !k.sealed {
		return near, far
	}
	return k.secure(near, far, tls.Client, tls.Server)
}

// secure puts TLS over both ends of a connection.
func (k *kit) secure(near, far net.Conn, nearSide, farSide func(net.Conn, *tls.Config) *tls.Conn) (_, _ net.Conn) {
	k.t.Helper()
	var ours handshaker = pairTLS{nearSide(near, anyTLS())}
	if !k.wrapped {
		ours = k.loopTLS(near, nearSide, anyTLS())
	}
	peer := farSide(far, anyTLS())
	shaken := make(chan error, 1)
	go func() { shaken <- peer.Handshake() }()
	near = ours.shake(k)
	if err := <-shaken; err != nil {
		k.t.Fatal(err)
	}
	return near, peer
}

// handshaker is a connection whose TLS handshake is still to come.
type handshaker interface {
	shake(*kit) net.Conn // returns the connection for the relay
}

type pairTLS struct{ *tls.Conn }

func (c pairTLS) shake(k *kit) net.Conn {
	if err := c.Handshake(); err != nil {
		k.t.Error(err)
	}
	return c.Conn
}

func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}

// openDescriptors counts the process's descriptors where the system shows them.
func openDescriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

// logBook keeps what is logged.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.text.String()), "\n")
}

// anyTLS is the configuration of a server with a certificate that nobody knows, and of a client that takes it.
var anyTLS = sync.OnceValue(func() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{tlstest.Certificate()}}
})
