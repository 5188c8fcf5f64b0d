package main_test

import (
	"fmt"
	"testing"
	"time"
)

// row is a version and mode of clients.
type row struct{ version, mode string }

// TestSessionsStick runs real clients of every version and mode against real
// servers of every kind, over three backends: 60 clients a row, none of which
// keeps cookies, all from one IP. Nobody may see an error, every client that may
// upgrade does, nothing is lost, duplicated, reordered or changed, and the
// sessions spread evenly.
func TestSessionsStick(t *testing.T) {
	tests := []struct {
		kind string
		rows []row
	}{
		{"js2", []row{{"2", "default"}, {"2", "polling"}, {"2", "websocket"}, {"2", "jsonp"}, {"2", "jsonp-upgrade"}}},
		{"js3", []row{{"3", "default"}, {"3", "polling"}, {"3", "websocket"}, {"3", "jsonp"}, {"4", "default"}, {"2", "default"}, {"2", "polling"}}},
		{"js4", []row{
			{"4", "default"}, {"4", "polling"}, {"4", "websocket"}, {"3", "default"}, {"3", "polling"}, {"3", "websocket"},
			{"2", "default"}, {"2", "polling"}, {"2", "websocket"}, {"2", "jsonp"}, {"2", "jsonp-upgrade"},
		}},
		{"python", []row{{"4", "default"}, {"4", "polling"}, {"4", "websocket"}, {"3", "default"}}},
		{"go", []row{{"4", "default"}, {"4", "polling"}, {"4", "websocket"}, {"2", "default"}, {"2", "polling"}, {"2", "jsonp"}}},
	}
	for _, test := range tests {
		t.Run(test.kind, func(t *testing.T) {
			backends := startBackends(t, test.kind, 3)
			for _, r := range test.rows {
				t.Run(fmt.Sprintf("client %s %s", r.version, r.mode), func(t *testing.T) {
					t.Parallel()
					testRow(t, backends, r)
				})
			}
		})
	}
}

// testRow gives each row a proxy of its own, so that rows that run at the same
// time do not share a balance.
func testRow(t *testing.T, backends []*backend, r row) {
	// A backend that is slow because so many rows run at once is not to be taken for a sick one, which gets no sessions.
	p := startProxy(t, proxyConfig{Backends: backends, Args: []string{"--health-timeout", "30s"}})
	for _, b := range backends {
		p.waitLog(t, 30*time.Second, "backend up", fields{"backend": b.id})
	}
	c := startClients(t, clientsConfig{URL: p.url(), Version: r.version, Mode: r.mode, Count: 60})
	s := c.summary(t)
	for _, problem := range append(s.problems(r.transport()), s.spreadProblems(backends)...) {
		t.Error(problem)
	}
}

// transport is where a row's clients end up.
func (r row) transport() string {
	if r.mode == "polling" || r.mode == "jsonp" {
		return "polling"
	}
	return "websocket"
}
