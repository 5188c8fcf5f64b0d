package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/proxy/admin"
	"github.com/holdfast-proxy/holdfast/routing"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// desk is an admin server at work on loopback, and all that it reports on. Its proxy serves clients at front.
type desk struct {
	testing.TB
	pool     *routing.Pool
	sessions *routing.Sessions
	router   *routing.Router
	proxy    *proxy.Proxy
	addr     string // of the admin listener
	front    string // of the proxy
	log      logged
}

// openDesk starts a proxy for the backends and its admin server, and ends both with the test. change, if not nil,
// edits the admin server's configuration first.
func openDesk(t testing.TB, backends []routing.BackendConfig, change func(*admin.Config)) *desk {
	t.Helper()
	d := &desk{TB: t, pool: routing.NewPool(routing.PoolConfig{}), sessions: routing.NewSessions(routing.SessionsConfig{})}
	must(t, d.pool.Set(backends))
	logger := slog.New(slog.NewTextHandler(&d.log, nil))
	c := admin.Config{Pool: d.pool, Sessions: d.sessions, SIDTag: true, Version: "v1", Logger: logger}
	if change != nil {
		change(&c)
	}
	var err error
	d.router, err = routing.NewRouter(routing.Config{Pool: d.pool, Sessions: d.sessions, SIDTag: c.SIDTag})
	must(t, err)
	d.proxy, err = proxy.New(proxy.Config{Pool: d.pool, Sessions: d.sessions, Router: d.router, SIDTag: c.SIDTag, Logger: logger})
	must(t, err)
	c.Proxy = d.proxy
	server, err := admin.New(c)
	must(t, err)
	d.serveProxy()
	d.run(server)
	return d
}

func (d *desk) serveProxy() {
	ln := listen(d)
	d.front = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- d.proxy.Serve(ln) }()
	d.Cleanup(func() {
		d.shutdown()
		if err := <-served; !errors.Is(err, proxy.ErrShutdown) {
			d.Errorf("serve: %v", err)
		}
	})
}

// shutdown ends the proxy; a second call does nothing.
func (d *desk) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := d.proxy.Shutdown(ctx); err != nil && !errors.Is(err, proxy.ErrShutdown) {
		d.Errorf("shutdown: %v", err)
	}
}

// run has the admin server work until the test ends.
func (d *desk) run(s *admin.Server) {
	ln := listen(d)
	d.addr = ln.Addr().String()
	d.Cleanup(running(s, ln))
}

// running starts the server and returns what stops it and waits.
func running(s *admin.Server, ln net.Listener) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { s.Run(ctx, ln) })
	return func() { cancel(); work.Wait() }
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	return ln
}

// get asks the admin server for a path.
func (d *desk) get(path string) (status int, body string) {
	d.Helper()
	return get(d, "http://"+d.addr+path)
}

// decode asks for a path, and fills value with the JSON of a 200.
func (d *desk) decode(path string, value any) {
	d.Helper()
	status, body := d.get(path)
	if status != http.StatusOK {
		d.Fatalf("%s: %d %s, want 200", path, status, body)
	}
	if err := json.Unmarshal([]byte(body), value); err != nil {
		d.Fatalf("%s: %q: %v", path, body, err)
	}
}

// client opens a connection for each request, so that none is left when a test ends.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

func get(t testing.TB, url string) (status int, body string) {
	t.Helper()
	resp, err := client.Get(url)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(text)
}

// send writes bytes to the admin server, and returns all that it answers before it closes the connection.
func (d *desk) send(request string) string {
	d.Helper()
	c, err := net.Dial("tcp", d.addr)
	must(d, err)
	defer c.Close()
	must(d, c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, request)
	must(d, err)
	reply, err := io.ReadAll(c)
	must(d, err)
	return string(reply)
}

func (d *desk) backend(id string) *routing.Backend {
	d.Helper()
	b := d.pool.Snapshot().ByID(id)
	if b == nil {
		d.Fatalf("no backend %q", id)
	}
	return b
}

// named makes backends of these IDs at addresses where nobody listens.
func named(ids ...string) []routing.BackendConfig {
	var list []routing.BackendConfig
	for _, id := range ids {
		list = append(list, routing.BackendConfig{ID: id, URL: "http://127.0.0.1:1"})
	}
	return list
}

// errorIn returns the text of a JSON error; it fails the test if body is none.
func errorIn(t testing.TB, body string) string {
	t.Helper()
	var e struct{ Error string }
	if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error == "" {
		t.Errorf("body %q: want a JSON error", body)
	}
	return e.Error
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// logged is a log to read.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
