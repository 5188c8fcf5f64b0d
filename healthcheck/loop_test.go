package healthcheck_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/holdfast-proxy/holdfast/healthcheck"
	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
)

// startLoop returns a proxy's event loop, until the test ends. Where the system has none it leaves checks to goroutines.
func startLoop(t *testing.T) healthcheck.Loop {
	t.Helper()
	pool, sessions := routing.NewPool(routing.PoolConfig{}), routing.NewSessions(routing.SessionsConfig{})
	router, err := routing.NewRouter(routing.Config{Pool: pool, Sessions: sessions})
	if err != nil {
		t.Fatal(err)
	}
	p, err := proxy.New(proxy.Config{
		Pool: pool, Sessions: sessions, Router: router, Loops: 1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- p.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(p.Shutdown(context.Background()), <-served); !errors.Is(err, proxy.ErrShutdown) {
			t.Error(err)
		}
	})
	askOnce(t, l.Addr().String())
	return p
}

// askOnce has a proxy answer a request, after which its loops run.
func askOnce(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
}
