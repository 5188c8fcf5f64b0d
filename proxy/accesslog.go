package proxy

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

// access is what the access log will say of a request; it is filled in only if there is one.
type access struct {
	began  time.Time
	path   string // without the query, which holds the sid
	status int
	waited time.Duration // for its turn or its place, as a handshake
}

// noteRequest begins a request's line in the access log.
func (x *exchange) noteRequest() {
	if !x.c.p.cfg.AccessLog {
		return
	}
	path, _, _ := bytes.Cut(x.req.Target, []byte{'?'})
	x.access = &access{began: time.Now(), path: string(path)}
}

// noteStatus notes what the client is told.
func (x *exchange) noteStatus(status int) {
	if x.access != nil {
		x.access.status = status
	}
}

// logRequest writes the request's line. It holds neither cookies nor bodies, and of a sid only the beginning: who reads
// logs must not be able to take over sessions.
func (x *exchange) logRequest() {
	if x.access == nil {
		return
	}
	backend := ""
	if x.decision.Backend != nil {
		backend = x.decision.Backend.ID()
	}
	x.c.p.log.LogAttrs(context.Background(), slog.LevelInfo, "request",
		slog.String("method", x.method),
		slog.String("path", x.access.path),
		slog.Int("status", x.access.status),
		slog.String("pin", x.decision.Pin.String()),
		slog.String("backend", backend),
		slog.String("sid", shortened(x.query.SID)),
		slog.String("client", x.client.String()),
		slog.Bool("upgrade", x.upgrade),
		slog.Duration("waited", x.access.waited),
		slog.Duration("took", time.Since(x.access.began)),
	)
}

// tunnelLogger returns what writes the line of the request's tunnel once that has ended, or nil if there is no access log.
func (x *exchange) tunnelLogger() func(relay.Stats) {
	if x.access == nil {
		return nil
	}
	log, backend, sid, client := x.c.p.log, x.decision.Backend.ID(), shortened(x.query.SID), x.client
	return func(s relay.Stats) {
		log.LogAttrs(context.Background(), slog.LevelInfo, "tunnel ended",
			slog.String("cause", s.Cause.String()),
			slog.String("backend", backend),
			slog.String("sid", sid),
			slog.String("client", client.String()),
			slog.Int64("to_client", s.ToClient),
			slog.Int64("to_backend", s.ToBackend),
			slog.Duration("took", s.Duration),
		)
	}
}

// shortened returns enough of a sid to tell it from others, but not enough to use it.
func shortened(sid string) string {
	const shown = 6
	if sid == "" {
		return ""
	}
	return sid[:min(shown, len(sid)/2)] + "…"
}
