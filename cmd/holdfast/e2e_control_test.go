package main_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// TestWithoutPinningSessionsBreak is the control: the very checks of
// TestSessionsStick must find fault with a proxy that deals requests out in turn.
func TestWithoutPinningSessionsBreak(t *testing.T) {
	backends := startBackends(t, "js4", 3)
	for _, r := range []row{{"4", "default"}, {"2", "polling"}} {
		t.Run("client "+r.version+" "+r.mode, func(t *testing.T) {
			c := startClients(t, clientsConfig{
				URL: roundRobin(t, backends), Version: r.version, Mode: r.mode, Count: 12,
				Args: []string{"--deadline", "3000"},
			})
			s := c.summary(t)
			if s.status("400") == 0 {
				t.Error("no client saw a 400 without pinning: the rig cannot see what it is for")
			}
			t.Logf("without pinning: %s", strings.Join(s.problems(r.transport()), "; "))
		})
	}
}

// TestFaultsAreSeen is the other control: a proxy that loses, repeats or
// reorders messages on their way to the only backend is found out.
func TestFaultsAreSeen(t *testing.T) {
	tests := map[string]struct {
		tamper func(body string) []string // what is sent on instead of a POST's body
		want   string
	}{
		"a POST swallowed": {func(body string) []string {
			if strings.Contains(body, `"up",7,`) {
				return nil
			}
			return []string{body}
		}, "lost messages"},
		"a POST sent twice": {func(body string) []string {
			if strings.Contains(body, `"up",7,`) {
				return []string{body, body}
			}
			return []string{body}
		}, "duplicated messages"},
		"a POST with its messages in another order": {func(body string) []string {
			messages := strings.Split(body, "\x1e")
			slices.Reverse(messages)
			return []string{strings.Join(messages, "\x1e")}
		}, "reordered messages"},
	}
	backends := startBackends(t, "js4", 1)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := startClients(t, clientsConfig{
				URL: tampering(t, backends[0], test.tamper), Mode: "polling",
				Args: []string{"--deadline", "5000", "--sizes", "", "--big", "0"},
			})
			problems := strings.Join(c.summary(t).problems("polling"), "; ")
			if !strings.Contains(problems, test.want) {
				t.Errorf("%s: found %q, want %s", name, problems, test.want)
			}
		})
	}
}

// roundRobin starts a proxy that sends each request to the next backend,
// whatever session it belongs to, and returns its URL.
func roundRobin(t *testing.T, backends []*backend) string {
	t.Helper()
	var proxies []http.Handler
	for _, b := range backends {
		proxies = append(proxies, forward(t, b))
	}
	var turn atomic.Uint64
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		proxies[turn.Add(1)%uint64(len(proxies))].ServeHTTP(w, r)
	})
}

// tampering starts a proxy that sends what tamper makes of each POST's body.
func tampering(t *testing.T, b *backend, tamper func(string) []string) string {
	t.Helper()
	onward := forward(t, b)
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			onward.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		for _, made := range tamper(string(body)) {
			res, err := http.Post(b.url()+r.URL.String(), r.Header.Get("Content-Type"), strings.NewReader(made))
			if err == nil {
				res.Body.Close()
			}
		}
		_, _ = io.WriteString(w, "ok")
	})
}

// forward is the standard library's proxy to one backend.
func forward(t *testing.T, b *backend) http.Handler {
	t.Helper()
	target, err := url.Parse(b.url())
	if err != nil {
		t.Fatal(err)
	}
	p := httputil.NewSingleHostReverseProxy(target)
	p.ErrorLog = log.New(io.Discard, "", 0)
	return p
}

// serve starts an HTTP server for the rest of the test and returns its URL.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}
