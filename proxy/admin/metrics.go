package admin

import (
	"runtime"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
)

// metrics returns all metrics in the text format of Prometheus. Counters begin at the process's start.
func (s *Server) metrics() []byte {
	var p page
	s.writeProcess(&p)
	s.writeBackends(&p)
	s.writeHealth(&p)
	s.writeSources(&p)
	s.writeDrains(&p)
	s.writeSessions(&p)
	s.writeTraffic(&p)
	s.writeHandshakes(&p)
	return p.text
}

func (s *Server) writeProcess(p *page) {
	p.gauge("holdfast_build_info", "Always 1; the label tells the version.")
	p.sample(1, "version", s.cfg.Version)
	p.gauge("holdfast_start_time_seconds", "When this process began, in seconds since 1970.")
	p.sample(float64(s.started.Unix()))
	p.gauge("holdfast_ready", "1 while clients are accepted and a backend is up, as /readyz says.")
	p.sample(oneIf(s.unready() == ""))
	p.gauge("holdfast_goroutines", "Goroutines of this process; a few beside those of clients that are not carried by an event loop.")
	p.sample(float64(runtime.NumGoroutine()))
}

// load is what the metrics say of one backend ID.
type load struct {
	id               string
	state            routing.State
	weight           float64
	sessions, flying int64
	deaths           int
}

// loads adds up the backends by ID. While one with a new URL takes the place of an old one, there are two of the same ID,
// of which Prometheus would refuse the second; the configured one, which comes first, tells state and weight.
func (s *Server) loads() []load {
	snapshot := s.cfg.Pool.Snapshot()
	var list []load
	places := map[string]int{}
	for _, b := range snapshot.Backends() {
		at, ok := places[b.ID()]
		if !ok {
			at = len(list)
			places[b.ID()] = at
			list = append(list, load{id: b.ID(), state: snapshot.State(b), weight: b.Weight()})
		}
		l := &list[at]
		l.sessions += b.Sessions()
		l.flying += b.InFlight()
		l.deaths += b.Incarnation()
	}
	return list
}

func (s *Server) writeBackends(p *page) {
	list := s.loads()
	p.gauge("holdfast_backend_state", "1 for the state that the backend is in, 0 for the others.")
	for _, l := range list {
		for state := routing.Up; state <= routing.Down; state++ {
			p.sample(oneIf(l.state == state), "backend", l.id, "state", state.String())
		}
	}
	each := func(value func(*load) float64) {
		for i := range list {
			p.sample(value(&list[i]), "backend", list[i].id)
		}
	}
	p.gauge("holdfast_backend_sessions", "Sessions at the backend, as far as this process knows.")
	each(func(l *load) float64 { return float64(l.sessions) })
	p.gauge("holdfast_backend_in_flight", "Requests, waiting polls and tunnels at the backend.")
	each(func(l *load) float64 { return float64(l.flying) })
	p.gauge("holdfast_backend_weight", "The backend's share of new sessions beside the others.")
	each(func(l *load) float64 { return l.weight })
	p.counter("holdfast_backend_deaths_total", "How many times the backend has gone down.")
	each(func(l *load) float64 { return float64(l.deaths) })
}

// writeDrains has no samples for backends that do not drain. A backend that was replaced by one of the same ID, and so
// drains, goes before that one.
func (s *Server) writeDrains(p *page) {
	drains, ids := map[string]proxy.Drain{}, []string{}
	for _, b := range s.cfg.Pool.Snapshot().Backends() {
		if d, ok := s.cfg.Proxy.DrainOf(b); ok {
			if _, twice := drains[b.ID()]; !twice {
				ids = append(ids, b.ID())
			}
			drains[b.ID()] = d
		}
	}
	each := func(value func(proxy.Drain) float64) {
		for _, id := range ids {
			p.sample(value(drains[id]), "backend", id)
		}
	}
	p.gauge("holdfast_drain_polls", "Polls that wait at a draining backend.")
	each(func(d proxy.Drain) float64 { return float64(d.Polls) })
	p.gauge("holdfast_drain_tunnels", "WebSockets open at a draining backend.")
	each(func(d proxy.Drain) float64 { return float64(d.Tunnels) })
	p.gauge("holdfast_drain_closes_seconds", "When closing the sessions of a draining backend begins or began, in seconds since 1970; 0: never.")
	each(func(d proxy.Drain) float64 { return seconds(d.Closes) })
	p.gauge("holdfast_drain_deadline_seconds", "When all that is left at a draining backend is closed, in seconds since 1970; 0: not known yet.")
	each(func(d proxy.Drain) float64 { return seconds(d.Deadline) })
	p.gauge("holdfast_drain_done", "1 when nothing is left at a draining backend.")
	each(func(d proxy.Drain) float64 { return oneIf(d.Done) })
	p.counter("holdfast_sessions_closed_total", "Sessions closed because their backend drains.")
	p.sample(float64(s.cfg.Proxy.Stats().Retired))
}

// seconds is 0 for no time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}

func (s *Server) writeSessions(p *page) {
	st := s.cfg.Sessions.Stats()
	p.gauge("holdfast_sessions", "Pinned sids: held by an open poll or tunnel, proven by a request, or unproven since their handshake.")
	p.sample(float64(st.Held), "place", "held")
	p.sample(float64(st.Proven), "place", "proven")
	p.sample(float64(st.Unproven), "place", "unproven")
	p.counter("holdfast_sessions_evicted_total", "Pins that made room for others; a search finds their session again.")
	p.sample(float64(st.EvictedProven), "place", "proven")
	p.sample(float64(st.EvictedUnproven), "place", "unproven")
	p.counter("holdfast_sessions_not_stored_total", "Pins that found no room, since everything was held.")
	p.sample(float64(st.NotStored))
	p.counter("holdfast_sessions_expired_total", "Pins whose session was silent for longer than it can live.")
	p.sample(float64(st.Expired))
	p.gauge("holdfast_buried_sids", "Sids that are refused for a while: ended here, or found nowhere.")
	p.sample(float64(st.Buried))
}

func (s *Server) writeTraffic(p *page) {
	st := s.cfg.Proxy.Stats()
	p.gauge("holdfast_connections", "Clients connected, tunnels included.")
	p.sample(float64(st.Connections))
	p.gauge("holdfast_requests_in_flight", "Requests under way, waiting polls included.")
	p.sample(float64(st.Requests))
	p.gauge("holdfast_tunnels", "Open WebSockets.")
	p.sample(float64(st.Tunnels))
	p.counter("holdfast_requests_total", "Requests by what tied them to their backend; none: refused for want of one, dead: told that theirs is gone.")
	for pin := routing.PinNone; pin <= routing.PinDead; pin++ {
		p.sample(float64(st.Pins[pin]), "pin", pin.String())
	}
	p.counter("holdfast_searches_total", "Searches begun for a sid that was not known here.")
	p.sample(float64(st.Searches))
	p.counter("holdfast_search_requests_total", "Requests that backends were asked in the course of searches.")
	p.sample(float64(st.Asked))
	p.counter("holdfast_searches_found_total", "Searches that found their session's backend.")
	p.sample(float64(st.Found))
	p.counter("holdfast_handshakes_not_understood_total", "Replies to handshakes in which no sid was found.")
	p.sample(float64(st.NotUnderstood))
}

// writeHandshakes tells of requests that open a session. No other ones ever wait.
func (s *Server) writeHandshakes(p *page) {
	st := s.cfg.Proxy.Stats()
	p.gauge("holdfast_handshakes_waiting", "Handshakes that wait for their turn, or for a place below max-sessions.")
	p.sample(float64(st.HandshakesWaiting))
	p.counter("holdfast_handshakes_waited_total", "Handshakes that had to wait.")
	p.sample(float64(st.HandshakesWaited))
	p.counter("holdfast_handshake_wait_seconds_total", "How long they waited, all together.")
	p.sample(st.HandshakeWait.Seconds())
	p.counter("holdfast_handshakes_refused_total", "Handshakes refused because --handshake-queue waited already, or because --handshake-wait was over.")
	p.sample(float64(st.HandshakesFull), "bound", "queue")
	p.sample(float64(st.HandshakesLate), "bound", "wait")
}

func (s *Server) writeHealth(p *page) {
	if s.cfg.Health == nil {
		return
	}
	panicked := false
	for _, h := range s.cfg.Health() {
		panicked = panicked || h.Panic
	}
	p.gauge("holdfast_panic", "1 while so few backends are well that all of them are used, see --panic-threshold.")
	p.sample(oneIf(panicked))
}

func (s *Server) writeSources(p *page) {
	if s.cfg.Sources == nil {
		return
	}
	list := s.cfg.Sources()
	if len(list) == 0 {
		return
	}
	p.gauge("holdfast_discovery_failing", "1 while the latest look at the source has failed, so that what it listed before stands.")
	for _, f := range list {
		p.sample(oneIf(f.Failing), "source", f.Name)
	}
	p.counter("holdfast_discovery_failures_total", "Looks at the source that have failed.")
	for _, f := range list {
		p.sample(float64(f.Failures), "source", f.Name)
	}
	p.gauge("holdfast_discovery_backends", "Backends that the source listed last.")
	for _, f := range list {
		p.sample(float64(f.Backends), "source", f.Name)
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
