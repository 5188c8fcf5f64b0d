package admin_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/admin"
	"github.com/holdfast-proxy/holdfast/routing"
)

func TestReadiness(t *testing.T) {
	d := openDesk(t, named("a", "b"), nil)
	for _, step := range []struct {
		when   string
		do     func()
		status int
		why    string
	}{
		{"from the start", func() {}, 200, ""},
		{"while one of two is down", func() { d.pool.SetState("a", routing.Down) }, 200, ""},
		{"while none takes new sessions", func() { d.pool.Drain("b", true) }, 503, "no backend is up"},
		{"when one is back", func() { d.pool.SetState("a", routing.Up) }, 200, ""},
		{"while failing traffic keeps it out", func() { d.pool.SetState("a", routing.Ejected) }, 503, "no backend is up"},
		{"when the drain is called off", func() { d.pool.Drain("b", false) }, 200, ""},
		{"when the proxy shuts down", d.shutdown, 503, "shutting down"},
	} {
		step.do()
		status, body := d.get("/readyz")
		if status != step.status {
			t.Errorf("%s: status %d, want %d", step.when, status, step.status)
		}
		if status != http.StatusOK && errorIn(t, body) != step.why {
			t.Errorf("%s: %s, want %q", step.when, body, step.why)
		}
		if status, _ := d.get("/healthz"); status != http.StatusOK {
			t.Errorf("%s: /healthz says %d, want 200", step.when, status)
		}
	}
	var st admin.Status
	if d.decode("/status", &st); st.Ready || st.Reason != "shutting down" {
		t.Errorf("/status says %v, %q; want false, shutting down", st.Ready, st.Reason)
	}
}

func TestBackends(t *testing.T) {
	since := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	list := named("a", "b")
	list[0].Weight, list[0].MaxSessions, list[1].Backup = 3, 100, true
	d := openDesk(t, list, func(c *admin.Config) {
		c.Health = func() map[string]admin.Health {
			return map[string]admin.Health{"b": {Status: "suspect", Since: since, Reason: "connection refused"}}
		}
	})
	d.pool.SetState("b", routing.Down)
	d.pool.SetWeight("b", 0.25)
	d.sessions.Learn("s", d.backend("a"), time.Minute, routing.ByHandshake)
	held, err := d.router.Route(routing.Request{SID: "s"})
	must(t, err)
	defer held.Hold.Release()
	want := []admin.Backend{
		{ID: "a", URL: "http://127.0.0.1:1", State: "up", Sessions: 1, InFlight: 1, Weight: 3, MaxSessions: 100},
		{ID: "b", URL: "http://127.0.0.1:1", State: "down", Weight: 0.25, SlowStart: true, Backup: true, Deaths: 1},
	}
	var got []admin.Backend
	d.decode("/backends", &got)
	if len(got) != 2 || got[1].Health == nil || *got[1].Health != (admin.Health{Status: "suspect", Since: since, Reason: "connection refused"}) {
		t.Fatalf("got %+v", got)
	}
	got[1].Health = nil
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}

func TestNoBackendsAreAnEmptyList(t *testing.T) {
	d := openDesk(t, nil, nil)
	if status, body := d.get("/backends"); status != http.StatusOK || body != "[]\n" {
		t.Errorf("%d %q, want 200 []", status, body)
	}
}

func TestStatus(t *testing.T) {
	d := openDesk(t, named("a"), nil)
	d.sessions.Learn("s", d.backend("a"), time.Minute, routing.ByHandshake)
	var st admin.Status
	d.decode("/status", &st)
	if !st.Ready || st.Version != "v1" || st.Sessions.Unproven != 1 || len(st.Backends) != 1 || st.Pins["learned"] != 0 {
		t.Errorf("got %+v", st)
	}
	if age := time.Since(st.Started); age < 0 || age > time.Minute {
		t.Errorf("started %v ago", age)
	}
}
