package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/proxy/http1/http1test"
	"github.com/holdfast-proxy/holdfast/routing"
)

// rig is a proxy on loopback in front of raw backends.
type rig struct {
	proxy    *proxy.Proxy
	pool     *routing.Pool
	sessions *routing.Sessions
	addr     string
	log      logged
	secure   bool // dial speaks TLS

	backends []*backend
}

// startProxy serves a proxy in front of n backends with the IDs b0, b1, …, and shuts it down with the test. change, if
// not nil, edits the configuration first; the router is made after it, unless it has set one.
func startProxy(t testing.TB, n int, change func(*proxy.Config)) *rig {
	t.Helper()
	g := &rig{pool: routing.NewPool(routing.PoolConfig{}), sessions: routing.NewSessions(routing.SessionsConfig{})}
	var members []routing.BackendConfig
	for i := range n {
		b := startBackend(t, fmt.Sprint("b", i))
		g.backends = append(g.backends, b)
		members = append(members, routing.BackendConfig{ID: b.id, URL: b.url()})
	}
	cfg := proxy.Config{Pool: g.pool, Sessions: g.sessions, Logger: slog.New(slog.NewTextHandler(&g.log, nil))}
	if change != nil {
		change(&cfg)
	}
	g.start(t, cfg)
	if err := g.pool.Set(members); err != nil {
		t.Fatal(err)
	}
	return g
}

// start completes the configuration, listens and serves.
func (g *rig) start(t testing.TB, cfg proxy.Config) {
	t.Helper()
	var err error
	cfg.Loops = loops
	if secure && cfg.TLS == nil && !cfg.ProxyProtocol { // a PROXY header precedes TLS
		g.secure = true
		overTLS(t)(&cfg)
	}
	if cfg.Router == nil {
		cfg.Router, err = routing.NewRouter(routing.Config{Pool: cfg.Pool, Sessions: cfg.Sessions, SIDTag: cfg.SIDTag})
		if err != nil {
			t.Fatal(err)
		}
	}
	if g.proxy, err = proxy.New(cfg); err != nil {
		t.Fatal(err)
	}
	ln := listen(t)
	if !secure {
		g.proxy.PostAll()
	}
	if loops > 0 {
		if ln, err = proxy.Unpolled(ln); err != nil {
			t.Fatal(err)
		}
	}
	g.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- g.proxy.Serve(ln) }()
	t.Cleanup(func() { g.shutdown(t, served) })
}

// listeners is how many addresses listen has used.
var listeners atomic.Uint32

// listen opens a port on an address of loopback that nobody else listens on, so that a port which is closed stays so. Where
// the system has only one such address (all but Linux), it is that one.
func listen(t testing.TB) net.Listener {
	t.Helper()
	n := listeners.Add(1)
	ln, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+n>>16, n>>8&255, n&255))
	if err != nil {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// end shuts the proxy down at once, with no time for what is under way.
func (g *rig) end(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.proxy.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v, want it cut short", err)
	}
}

// shutdown ends the proxy, and holds it to what no test may cause: a panic, or bytes to a backend that two readers could
// understand in two ways.
func (g *rig) shutdown(t testing.TB, served <-chan error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i := 0; i < 50 && g.proxy.Stats().Connections > 0; i++ {
		<-time.After(time.Millisecond) // clients have just closed: to begin the drain without them saves its first tick
	}
	if err := g.proxy.Shutdown(ctx); err != nil && !errors.Is(err, proxy.ErrShutdown) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-served; !errors.Is(err, proxy.ErrShutdown) {
		t.Errorf("serve: %v", err)
	}
	if log := g.log.String(); strings.Contains(log, "panic") {
		t.Errorf("the proxy panicked:\n%s", log)
	}
	for _, b := range g.backends {
		for _, stream := range b.received() {
			if dispute := judge(stream); dispute != "" {
				t.Errorf("backend %s got bytes that can be read in two ways: %s", b.id, dispute)
			}
		}
	}
}

// judge returns how two readings of all the bytes of a connection differ, or "".
func judge(stream string) string {
	if len(stream) >= maxKept {
		return "" // cut: the last request is not whole
	}
	return http1test.DisputeStream(stream)
}

// backend returns the i-th backend, from 0.
func (g *rig) backend(i int) *backend { return g.backends[i] }

// owner returns the pool's view of the i-th backend.
func (g *rig) owner(t testing.TB, i int) *routing.Backend {
	t.Helper()
	b := g.pool.Snapshot().ByID(g.backends[i].id)
	if b == nil {
		t.Fatalf("backend %s is not in the pool", g.backends[i].id)
	}
	return b
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(until) {
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}

// logged is a log that may be read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
