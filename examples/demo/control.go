package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// tick is how often the state is looked at while somebody watches it.
const tick = 150 * time.Millisecond

// controls is the demo's own small API, on a port of its own so that it answers
// whatever becomes of the proxy:
//
//	GET  /events               the state, as server-sent events, whenever it changes
//	POST /backends/{id}/kill   POST /backends/{id}/revive   POST /proxy/restart
type controls struct {
	stage   *stage
	origins []string // of pages that may use it: only the demo's own
}

func (c *controls) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events", c.events)
	mux.HandleFunc("POST /backends/{id}/kill", func(w http.ResponseWriter, r *http.Request) {
		answer(w, c.stage.kill(r.PathValue("id")))
	})
	mux.HandleFunc("POST /backends/{id}/revive", func(w http.ResponseWriter, r *http.Request) {
		answer(w, c.stage.revive(r.Context(), r.PathValue("id")))
	})
	mux.HandleFunc("POST /proxy/restart", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, c.stage.front.restart())
	})
	return c.sameOrigin(mux)
}

// sameOrigin lets the demo's page in, which a browser says it is, and shells,
// which say nothing; no other page may kill processes on this machine.
func (c *controls) sameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" {
			if !slices.Contains(c.origins, origin) {
				http.Error(w, "only the demo's own page may do this", http.StatusForbidden)
				return
			}
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Vary", "Origin")
		}
		next.ServeHTTP(w, r)
	})
}

// events writes the state now, and again whenever it has changed.
func (c *controls) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w).Flush
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for last := []byte(nil); ; {
		now, err := json.Marshal(c.stage.state(r.Context()))
		if err != nil {
			return
		}
		if !bytes.Equal(now, last) && r.Context().Err() == nil {
			last = now
			if _, err := fmt.Fprintf(w, "retry: 500\ndata: %s\n\n", now); err != nil || flush() != nil {
				return
			}
		}
		select {
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
	}
}

// answer says how a command went, in a line for a person.
func answer(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, errUnknown):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, errLast), errors.Is(err, errDead), errors.Is(err, errBusy):
		http.Error(w, err.Error(), http.StatusConflict)
	case errors.Is(err, context.Canceled):
		// Nobody is there to read it.
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
