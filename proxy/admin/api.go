package admin

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-proxy/holdfast/routing"
)

// Status is the answer of /status.
type Status struct {
	Version     string           `json:"version"`
	Started     time.Time        `json:"started"`
	Ready       bool             `json:"ready"`
	Reason      string           `json:"reason,omitempty"` // why it is not ready
	Connections int64            `json:"connections"`      // clients now, tunnels included
	Requests    int64            `json:"requests"`         // under way now, waiting polls included
	Tunnels     int              `json:"tunnels"`          // open now
	Sessions    SessionCounts    `json:"sessions"`
	Searches    SearchCounts     `json:"searches"`
	Pins        map[string]int64 `json:"pins"` // requests since the start by what tied them to their backend
	Backends    []Backend        `json:"backends"`
}

// SessionCounts are the sids that are pinned now and, from Evicted on, what happened since the start.
type SessionCounts struct {
	Held      int    `json:"held"`     // with an open poll or tunnel
	Proven    int    `json:"proven"`   // that came back after their handshake, and nothing is open
	Unproven  int    `json:"unproven"` // that have not come back yet
	Evicted   uint64 `json:"evicted"`  // pins that made room for others
	NotStored uint64 `json:"not_stored"`
	Expired   uint64 `json:"expired"`
}

// SearchCounts are the searches for unknown sids since the start.
type SearchCounts struct {
	Begun int64 `json:"begun"`
	Asked int64 `json:"asked"` // requests that backends got in the course of them
	Found int64 `json:"found"`
}

// Backend is one backend in the answers of /status and /backends.
type Backend struct {
	ID          string  `json:"id"`
	URL         string  `json:"url"`
	State       string  `json:"state"` // up, ejected, draining or down: what it may be given
	Health      *Health `json:"health,omitempty"`
	Sessions    int64   `json:"sessions"`
	InFlight    int64   `json:"in_flight"`              // requests, waiting polls and tunnels
	Weight      float64 `json:"weight"`                 // for new sessions, now
	SlowStart   bool    `json:"slow_start,omitempty"`   // it still grows
	MaxSessions int     `json:"max_sessions,omitempty"` // 0: no limit
	Backup      bool    `json:"backup,omitempty"`
	Deaths      int     `json:"deaths"` // how many times it has gone down
	Drain       *Drain  `json:"drain,omitempty"`
}

// Drain is how far the drain of a backend has come; how many sessions are left stands beside it.
type Drain struct {
	Since    time.Time  `json:"since"`
	Closes   *time.Time `json:"closes,omitempty"`   // when closing sessions begins or has begun; absent: never
	Deadline *time.Time `json:"deadline,omitempty"` // when all that is left is closed; absent before closing has begun
	Closed   int64      `json:"closed"`             // sessions closed by it
	Polls    int        `json:"polls"`              // waiting now
	Tunnels  int        `json:"tunnels"`            // open now
	Done     bool       `json:"done"`               // nothing is left there
}

// Health is what checks and traffic say of one backend.
type Health struct {
	Status string    `json:"status"`           // unknown, up, suspect, ejected or down
	Since  time.Time `json:"since"`            // when it became so
	Reason string    `json:"reason,omitempty"` // why it is not up
	Panic  bool      `json:"panic,omitempty"`  // it is used all the same, since nearly all are out
}

// Source is a source of backends, as the metrics tell of it.
type Source struct {
	Name     string // as it was configured
	Backends int    // listed last
	Failures int64  // since the start
	Failing  bool   // now
}

// answer finds what the request's path asks for. It looks at the path as it came, since a sid may have any bytes.
func (s *Server) answer(ctx *fasthttp.RequestCtx) {
	path, query, _ := strings.Cut(string(ctx.RequestURI()), "?")
	if id, order, ok := cutOrder(path); ok {
		s.answerOrder(ctx, id, order, query)
		return
	}
	if !ctx.IsGet() && !ctx.IsHead() {
		refuseMethod(ctx, "GET, HEAD", "want GET or HEAD")
		return
	}
	if sid, found := strings.CutPrefix(path, "/sessions/"); found {
		s.answerSession(ctx, sid)
		return
	}
	switch path {
	case "/healthz":
		reply(ctx, fasthttp.StatusOK, map[string]string{"status": "alive"})
	case "/readyz":
		s.answerReady(ctx)
	case "/metrics":
		send(ctx, fasthttp.StatusOK, "text/plain; version=0.0.4; charset=utf-8", s.metrics())
	case "/status":
		reply(ctx, fasthttp.StatusOK, s.status())
	case "/backends":
		reply(ctx, fasthttp.StatusOK, s.backends())
	default:
		fail(ctx, fasthttp.StatusNotFound, "want /healthz, /readyz, /metrics, /status, /backends, /backends/ID/drain, /backends/ID/undrain or /sessions/SID")
	}
}

func (s *Server) answerReady(ctx *fasthttp.RequestCtx) {
	if why := s.unready(); why != "" {
		fail(ctx, fasthttp.StatusServiceUnavailable, why)
		return
	}
	reply(ctx, fasthttp.StatusOK, map[string]string{"status": "ready"})
}

func (s *Server) answerSession(ctx *fasthttp.RequestCtx, encoded string) {
	sid, err := url.PathUnescape(encoded)
	if err != nil || sid == "" {
		fail(ctx, fasthttp.StatusBadRequest, "want /sessions/SID with a percent-encoded sid")
		return
	}
	found, ok := s.explain(sid)
	if !ok {
		fail(ctx, fasthttp.StatusNotFound, "no session of that sid is known here")
		return
	}
	reply(ctx, fasthttp.StatusOK, found)
}

// unready says why no new session should be sent here; "": it may be.
func (s *Server) unready() string {
	if s.cfg.Proxy.Draining() {
		return "shutting down"
	}
	snapshot := s.cfg.Pool.Snapshot()
	for _, b := range snapshot.Backends() {
		if snapshot.State(b) == routing.Up {
			return ""
		}
	}
	return "no backend is up"
}

func (s *Server) status() Status {
	why, st, table := s.unready(), s.cfg.Proxy.Stats(), s.cfg.Sessions.Stats()
	pins := make(map[string]int64, len(st.Pins))
	for pin, n := range st.Pins {
		pins[pin.String()] = n
	}
	return Status{
		Version: s.cfg.Version, Started: s.started.UTC().Truncate(time.Second),
		Ready: why == "", Reason: why,
		Connections: st.Connections, Requests: st.Requests, Tunnels: st.Tunnels,
		Sessions: SessionCounts{
			Held: table.Held, Proven: table.Proven, Unproven: table.Unproven,
			Evicted:   table.EvictedUnproven + table.EvictedProven,
			NotStored: table.NotStored, Expired: table.Expired,
		},
		Searches: SearchCounts{Begun: st.Searches, Asked: st.Asked, Found: st.Found},
		Pins:     pins,
		Backends: s.backends(),
	}
}

func (s *Server) backends() []Backend {
	var health map[string]Health
	if s.cfg.Health != nil {
		health = s.cfg.Health()
	}
	snapshot := s.cfg.Pool.Snapshot()
	list := []Backend{} // an empty list is [] in JSON, not null
	for _, b := range snapshot.Backends() {
		item := s.describe(b)
		if h, ok := health[b.ID()]; ok && snapshot.ByID(b.ID()) == b {
			item.Health = &h
		}
		list = append(list, item)
	}
	return list
}

// describe says what there is to say of a backend, but for its health.
func (s *Server) describe(b *routing.Backend) Backend {
	config := b.Config()
	item := Backend{
		ID: b.ID(), URL: b.URL(), State: b.State().String(),
		Sessions: b.Sessions(), InFlight: b.InFlight(), Weight: b.Weight(),
		MaxSessions: config.MaxSessions, Backup: config.Backup, Deaths: b.Incarnation(),
		SlowStart: b.Weight() < float64(config.Weight),
	}
	if d, ok := s.cfg.Proxy.DrainOf(b); ok {
		item.Drain = &Drain{
			Since: d.Since.UTC(), Closes: timeOrNone(d.Closes), Deadline: timeOrNone(d.Deadline),
			Closed: d.Closed, Polls: d.Polls, Tunnels: d.Tunnels, Done: d.Done,
		}
	}
	return item
}

func timeOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// reply answers with a value as JSON, in one line.
func reply(ctx *fasthttp.RequestCtx, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a type of this package that JSON cannot hold
	}
	send(ctx, status, "application/json", append(text, '\n'))
}

// fail answers with an error for people.
func fail(ctx *fasthttp.RequestCtx, status int, why string) {
	reply(ctx, status, map[string]string{"error": why})
}

// send answers with what no cache may keep and no browser may take for something else.
func send(ctx *fasthttp.RequestCtx, status int, contentType string, body []byte) {
	ctx.SetStatusCode(status)
	ctx.SetContentType(contentType)
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	ctx.Response.Header.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	ctx.SetBody(body)
}
