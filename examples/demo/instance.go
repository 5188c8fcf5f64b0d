package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"github.com/holdfast-proxy/holdfast/healthcheck"
	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// instance is one holdfast with nothing in its memory at the start: what the
// command holdfast is made of, embedded in another program.
type instance struct {
	pool    *routing.Pool
	proxy   *proxy.Proxy
	checker *healthcheck.Checker
	logger  *slog.Logger

	endChecks context.CancelFunc
	work      sync.WaitGroup // its checks and its Serve
}

// startInstance serves from listener until stop.
func startInstance(listener net.Listener, backends []routing.BackendConfig, logger *slog.Logger) (*instance, error) {
	i := &instance{pool: routing.NewPool(routing.PoolConfig{}), logger: logger}
	if err := i.pool.Set(backends); err != nil {
		return nil, err
	}
	if err := i.build(); err != nil {
		return nil, err
	}
	checks, endChecks := context.WithCancel(context.Background())
	i.endChecks = endChecks
	i.work.Go(func() { i.checker.Run(checks) })
	i.work.Go(func() {
		if err := i.proxy.Serve(listener); !errors.Is(err, proxy.ErrShutdown) {
			logger.Error("holdfast stopped serving", "err", err)
		}
	})
	return i, nil
}

// build makes the router, the proxy and the checker around the pool. They never
// meet but in the two functions that are passed here.
func (i *instance) build() (err error) {
	sessions := routing.NewSessions(routing.SessionsConfig{})
	router, err := routing.NewRouter(routing.Config{Pool: i.pool, Sessions: sessions})
	if err != nil {
		return err
	}
	i.checker, err = healthcheck.New(healthcheck.Config{
		Probe:    healthcheck.EngineIO(healthcheck.Request{}, recognise),
		OnChange: i.backendChanged,
		Logger:   i.logger,
	})
	if err != nil {
		return err
	}
	var targets []healthcheck.Target
	for _, b := range i.pool.Snapshot().Backends() {
		targets = append(targets, healthcheck.Target{ID: b.ID(), URL: b.URL()})
	}
	i.checker.Set(targets)
	i.proxy, err = proxy.New(proxy.Config{
		Pool: i.pool, Router: router, Sessions: sessions, Logger: i.logger,
		OnOutcome: func(b *routing.Backend, o proxy.Outcome, client netip.Addr) {
			i.checker.Observe(b.ID(), outcomes[o], client)
		},
	})
	return err
}

// stop lets the clients go, each as gently as ctx leaves time for, and returns
// when the last goroutine has ended.
func (i *instance) stop(ctx context.Context) {
	if err := i.proxy.Shutdown(ctx); err != nil {
		i.logger.Debug("an instance of holdfast ended with clients left", "err", err)
	}
	i.endChecks()
	i.work.Wait()
}

func (i *instance) backendChanged(c healthcheck.Change) {
	what := []any{"backend", c.Target.ID, "was", c.From}
	if c.Err != nil {
		what = append(what, "err", c.Err)
	}
	i.logger.Info("backend "+c.To.String(), what...)
	i.pool.SetState(c.Target.ID, states[c.To])
	if b := i.pool.Snapshot().ByID(c.Target.ID); b != nil && c.To == healthcheck.Down && !c.Refused {
		i.proxy.End(b)
	}
}

// recognise says that a reply is Engine.IO's own word for a sid that it does not know.
func recognise(status int, body []byte, sid string) bool {
	return engineio.IsUnknownSID(status, body, sid, false)
}

// states are what a backend may be given while its health is so.
var states = [...]routing.State{
	healthcheck.Unknown: routing.Up,
	healthcheck.Up:      routing.Up,
	healthcheck.Suspect: routing.Ejected,
	healthcheck.Ejected: routing.Ejected,
	healthcheck.Down:    routing.Down,
}

// outcomes are the proxy's in the checker's words.
var outcomes = [...]healthcheck.Outcome{
	proxy.Served:      healthcheck.Served,
	proxy.BadReply:    healthcheck.BadReply,
	proxy.DialRefused: healthcheck.DialRefused,
	proxy.DialTimeout: healthcheck.DialTimeout,
	proxy.Reset:       healthcheck.Reset,
	proxy.OwnError:    healthcheck.OwnError,
}
