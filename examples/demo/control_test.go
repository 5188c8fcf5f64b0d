package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestControlsRefuse(t *testing.T) {
	page := startDemo(t, true)
	control := controlOf(t, page)
	for _, test := range []struct {
		name, path, origin string
		status             int
		says               string
	}{
		{"the page of another site", "/backends/a/kill", "http://evil.example", http.StatusForbidden, "only the demo's own page"},
		{"a backend that is not there", "/backends/x/kill", page, http.StatusNotFound, `"x": there is no such backend`},
		{"nothing to the demo's page", "/backends/a/kill", page, http.StatusNoContent, ""},
		{"to kill the dead", "/backends/a/kill", page, http.StatusConflict, "its process is not running"},
		{"nothing to a shell", "/backends/b/kill", "", http.StatusNoContent, ""},
		{"to kill the last backend", "/backends/c/kill", "", http.StatusConflict, "the last backend stays"},
		{"nothing that revives", "/backends/a/revive", "", http.StatusNoContent, ""},
		{"nothing to a restart", "/proxy/restart", "", http.StatusNoContent, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := post(t, control+test.path, test.origin)
			if status != test.status || !strings.Contains(body, test.says) {
				t.Errorf("got %d %q, want %d %q", status, body, test.status, test.says)
			}
		})
	}
}

// controlOf asks a server, through holdfast, where the control API is.
func controlOf(t *testing.T, page string) string {
	t.Helper()
	reply, err := http.Get(page + "/demo.json")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	var about struct{ Control string }
	if err := json.NewDecoder(reply.Body).Decode(&about); err != nil {
		t.Fatal(err)
	}
	return about.Control
}

func post(t *testing.T, url, origin string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if origin != "" {
		request.Header.Set("Origin", origin)
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(text)
}
