package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/urfave/cli/v2"

	"github.com/holdfast-proxy/holdfast/healthcheck"
	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/discovery"
	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// serve is what holdfast does without a subcommand: proxy until SIGTERM or SIGINT.
func serve(c *cli.Context) error {
	o, err := readOptions(c)
	if err != nil {
		return err
	}
	h, err := build(o, newLogger(o, c.App.ErrWriter))
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) // one is the event loop's (proxy.Config.KeepProcessor)
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return h.run(ctx, stop)
}

// check validates flags and environment without opening anything.
func check(c *cli.Context) error {
	o, err := readOptions(c)
	if err != nil {
		return err
	}
	if _, err := build(o, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer, "holdfast: flags are valid")
	return nil
}

func printVersion(c *cli.Context) error {
	fmt.Fprintln(c.App.Writer, "holdfast", version())
	return nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// holdfast is the running program: the packages that have never met, connected.
type holdfast struct {
	options options
	log     *slog.Logger
	pool    *routing.Pool
	proxy   *proxy.Proxy
	checker *healthcheck.Checker // nil without active checks

	inherited inherited                   // sockets that others have opened for this process, until they are claimed
	discovery *discovery.Discovery        // nil without --discover
	changed   chan struct{}               // to watch, has room for one: the pool is another
	watched   map[string]*routing.Backend // whom the checker watches, by ID
}

// build makes every part from the options; the errors it finds are mistakes in them.
func build(o options, log *slog.Logger) (*holdfast, error) {
	h := &holdfast{options: o, log: log, pool: routing.NewPool(o.pool), changed: make(chan struct{}, 1)}
	h.pool.OnChange(h.poolChanged)
	if err := h.pool.Set(o.backends); err != nil {
		return nil, &usageError{"--backend: " + err.Error()}
	}
	if err := h.loadCertificate(); err != nil {
		return nil, err
	}
	if err := h.loadBackendTLS(); err != nil {
		return nil, err
	}
	if err := h.buildDiscovery(); err != nil {
		return nil, &usageError{err.Error()}
	}
	if err := h.buildProxy(); err != nil {
		return nil, err
	}
	if err := h.buildChecker(); err != nil {
		return nil, &usageError{err.Error()}
	}
	return h, nil
}

func (h *holdfast) buildProxy() (err error) {
	sessions := routing.NewSessions(h.options.sessions)
	h.options.router.Pool, h.options.router.Sessions = h.pool, sessions
	router, err := routing.NewRouter(h.options.router)
	if err != nil {
		return &usageError{err.Error()}
	}
	c := h.options.proxy
	c.Pool, c.Sessions, c.Router, c.Logger = h.pool, sessions, router, h.log
	c.OnOutcome, c.KeepProcessor = h.observe, true
	h.proxy, err = proxy.New(c)
	return err
}

func (h *holdfast) loadCertificate() error {
	if h.options.tlsCert == "" {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(h.options.tlsCert, h.options.tlsKey)
	if err != nil {
		return &usageError{fmt.Sprintf("--tls-cert %q, --tls-key %q: %v", h.options.tlsCert, h.options.tlsKey, err)}
	}
	h.options.proxy.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	return nil
}

// buildChecker makes the health checker, which asks on the proxy's event loop, and tells it which backends there are.
func (h *holdfast) buildChecker() (err error) {
	c := h.options.health
	c.Logger, c.Loop = h.log, h.proxy
	c.OnChange = h.backendChanged
	c.OnWeight, c.OnPanic = h.weightChanged, h.panicChanged
	switch h.options.checks {
	case "engineio":
		c.Probe = healthcheck.EngineIO(h.options.ask, recognise)
	case "http":
		c.Probe = healthcheck.HTTP(h.options.ask, h.options.statuses...)
	case "tcp":
		c.Probe = healthcheck.TCP()
	default:
		return nil
	}
	if h.checker, err = healthcheck.New(c); err != nil {
		return err
	}
	h.watchMembers()
	return nil
}

// recognise says that a reply is Engine.IO's own word for a sid that it does not know.
func recognise(status int, body []byte, sid string) bool {
	return engineio.IsUnknownSID(status, body, sid, false)
}

// stateOf says what a backend may be given while its health is s.
func stateOf(s healthcheck.Status) routing.State {
	switch s {
	case healthcheck.Suspect, healthcheck.Ejected:
		return routing.Ejected
	case healthcheck.Down:
		return routing.Down
	}
	return routing.Up
}

// observe carries the outcome of a proxied request to the health checker.
func (h *holdfast) observe(b *routing.Backend, o proxy.Outcome, client netip.Addr) {
	if h.checker != nil {
		h.checker.Observe(b.ID(), outcomes[o], client)
	}
}

var outcomes = [...]healthcheck.Outcome{
	proxy.Served:      healthcheck.Served,
	proxy.BadReply:    healthcheck.BadReply,
	proxy.DialRefused: healthcheck.DialRefused,
	proxy.DialTimeout: healthcheck.DialTimeout,
	proxy.Reset:       healthcheck.Reset,
	proxy.OwnError:    healthcheck.OwnError,
}

// run serves until ctx is done or a successor has taken over, and then ends in order: first the clients, then the checks
// and the admin listener. After stop, a second signal ends the process at once.
func (h *holdfast) run(ctx context.Context, stop func()) error {
	before, err := h.inherit(ctx)
	defer h.inherited.drop(false)
	if err != nil {
		return err
	}
	var work sync.WaitGroup
	defer work.Wait()
	if before != nil {
		work.Go(func() { h.follow(before) })
		defer before.Close()
	}
	e, err := h.open(before)
	defer e.close()
	if err != nil {
		return err
	}
	defer e.answering.Wait()
	checks, endChecks := context.WithCancel(context.Background())
	defer endChecks()
	questions, endQuestions := context.WithCancel(checks)
	e.endAdmin = endQuestions
	work.Go(func() { h.watch(checks) })
	work.Go(func() { h.discover(checks) })
	if before == nil { // else that one answers questions until this one is ready
		e.answering.Go(func() { e.serveAdmin(questions) })
	}
	h.awaitSources(ctx)
	if before != nil {
		if err := h.usable(before); err != nil {
			return err
		}
		e.answering.Go(func() { e.serveAdmin(questions) })
	}
	failed := h.accept(ctx, &work, e, before)
	defer beThrifty(h.proxy.After, debug.FreeOSMemory)()
	return h.end(ctx, stop, e, failed)
}

// accept lets clients in, and returns where it is told when that fails.
func (h *holdfast) accept(ctx context.Context, work *sync.WaitGroup, e *entrances, before *predecessor) <-chan error {
	failed := make(chan error, e.clients+1)
	for _, s := range e.forClients() {
		work.Go(func() { failed <- h.proxy.Serve(s.Listener) })
	}
	if err := h.announceReady(ctx, before); err != nil {
		failed <- err
	} else {
		h.listening(e)
	}
	return failed
}

// listening says that clients are accepted, and what is odd about how.
func (h *holdfast) listening(e *entrances) {
	e.own()
	h.inherited.drop(true)
	if h.options.proxy.SIDTag && len(h.options.pool.Secret) == 0 {
		h.log.Warn("--sid-tag without --secret: whoever knows the backends' IDs can make tags, " +
			"and so choose which backend gets a request")
	}
	h.log.Info("listening", "addr", addresses(e.forClients()), "backends", h.backendNames())
	h.tellSystemd(fmt.Sprintf("%s\nMAINPID=%d", daemon.SdNotifyReady, os.Getpid()))
}

func listen(addr string) (net.Listener, error) {
	if path, found := strings.CutPrefix(addr, "unix:"); found {
		return net.Listen("unix", path)
	}
	return net.Listen("tcp", addr)
}

func addresses(sockets []socket) string {
	var all []string
	for _, s := range sockets {
		all = append(all, s.Addr().String())
	}
	return strings.Join(all, ",")
}

func (h *holdfast) backendNames() string {
	var all []string
	for _, b := range h.pool.Snapshot().Backends() {
		all = append(all, b.ID()+"="+b.URL())
	}
	return strings.Join(all, " ")
}

func newLogger(o options, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: o.logLevel}
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
