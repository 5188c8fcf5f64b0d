package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
)

const (
	requestTimeout = 5 * time.Second // for a whole request, and for a whole reply
	maxConnections = 64              // at a time; what is beyond gets a bare 503
	maxHead        = 16 << 10        // bytes, and so the longest sid there is a question for
	maxBody        = 4 << 10         // bytes; nothing here needs one
	grace          = time.Second     // for those who ask when it ends
)

// Config is what a server is built from.
type Config struct {
	Pool     *routing.Pool     // required
	Sessions *routing.Sessions // required
	Proxy    *proxy.Proxy      // required

	// SIDTag says that sids carry tags, as in routing.Config.
	SIDTag bool
	// Health returns what checks and traffic say of the backends, by ID. nil: there are no checks.
	Health func() map[string]Health
	// Sources returns how the sources of backends do. nil: there are none.
	Sources func() []Source
	// Host is a name, beside localhost, under which clients may ask for this listener. "": none. IP addresses always may.
	Host string
	// Version is what /status and the metrics call this build.
	Version string
	// Logger is told when accepting fails or a handler panics. nil: nobody is.
	Logger *slog.Logger
}

// Server serves one admin listener. It refuses, with 403, requests that have the Origin of a foreign page, orders that a
// browser says come from another site, and whatever has a foreign name for a Host, which a page's server could have
// pointed here after the page was loaded (DNS rebinding). Each connection carries one request.
type Server struct {
	cfg     Config
	http    *fasthttp.Server
	started time.Time

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// New returns a server that Run lets work.
func New(c Config) (*Server, error) {
	if c.Pool == nil || c.Sessions == nil || c.Proxy == nil {
		return nil, errors.New("admin: Config needs Pool, Sessions and Proxy")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: c, started: time.Now(), conns: make(map[net.Conn]struct{})}
	s.http = &fasthttp.Server{
		Handler:                      s.handle,
		ErrorHandler:                 refuseUnread,
		Logger:                       slog.NewLogLogger(c.Logger.Handler(), slog.LevelWarn),
		SecureErrorLogMessage:        true,
		NoDefaultServerHeader:        true,
		DisablePreParseMultipartForm: true,
		DisableKeepalive:             true, // so that no idle connection is left to look after
		Concurrency:                  maxConnections,
		ReadBufferSize:               maxHead,
		MaxRequestBodySize:           maxBody,
		ReadTimeout:                  requestTimeout,
		WriteTimeout:                 requestTimeout,
	}
	return s, nil
}

// Run answers requests from ln until ctx is done; it closes ln and returns after its last goroutine. Replies under way
// are finished. What goes wrong on one connection, or in accepting for a while, ends nothing else.
func (s *Server) Run(ctx context.Context, ln net.Listener) {
	var work sync.WaitGroup
	work.Go(func() { s.accept(ctx, ln, &work) })
	<-ctx.Done()
	ln.Close()
	cut := time.AfterFunc(grace, s.cutAll)
	work.Wait()
	cut.Stop()
}

// accept does what fasthttp.Server.Serve is for, which leaves goroutines behind that nobody can wait for.
func (s *Server) accept(ctx context.Context, ln net.Listener, work *sync.WaitGroup) {
	var pause time.Duration
	for {
		c, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			work.Go(func() { s.serve(c) })
			continue
		case ctx.Err() != nil:
			return
		case pause == 0:
			s.cfg.Logger.Warn("admin: accepting failed, trying again", "err", err)
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// serve answers one connection, and closes it.
func (s *Server) serve(c net.Conn) {
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	s.http.ServeConn(c) // its error is about this client alone
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// cutAll ends the connections of clients that send or take nothing.
func (s *Server) cutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

// handle answers one request. A panic must not end the process, which fasthttp would let happen.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	defer func() {
		if v := recover(); v != nil {
			s.cfg.Logger.Error("panic", "doing", "admin request", "panic", v, "stack", string(debug.Stack()))
			ctx.Response.Reset()
			fail(ctx, fasthttp.StatusInternalServerError, "holdfast has failed at this request; its log says how")
		}
	}()
	if status, why := s.objection(ctx); why != "" {
		fail(ctx, status, why)
		return
	}
	s.answer(ctx)
}
