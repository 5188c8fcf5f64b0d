package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/admin"
	"github.com/holdfast-proxy/holdfast/routing"
)

// scrape reads the metrics as Prometheus would, and fails the test for anything that it would refuse or warn of. The
// result is by series: name and labels as written.
func (d *desk) scrape() map[string]float64 {
	d.Helper()
	status, text := d.get("/metrics")
	if status != http.StatusOK || !strings.HasSuffix(text, "\n") {
		d.Fatalf("status %d, text ends with %q", status, text[max(0, len(text)-10):])
	}
	series, family, kind := map[string]float64{}, "", ""
	described := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if help, ok := strings.CutPrefix(line, "# HELP "); ok {
			family, _, _ = strings.Cut(help, " ")
			if described[family] {
				d.Errorf("%s is described twice", family)
			}
			described[family] = true
			continue
		}
		if typed, ok := strings.CutPrefix(line, "# TYPE "+family+" "); ok {
			kind = typed
			continue
		}
		d.readSample(line, family, kind, series)
	}
	return series
}

var sampleForm = regexp.MustCompile(`^(holdfast_[a-z_]+)(\{[a-z]+="([^"\\]|\\["\\n])*"(,[a-z]+="([^"\\]|\\["\\n])*")*\})? ([0-9.]+)$`)

func (d *desk) readSample(line, family, kind string, series map[string]float64) {
	d.Helper()
	m := sampleForm.FindStringSubmatch(line)
	if m == nil || m[1] != family {
		d.Errorf("%q is no sample of %q", line, family)
		return
	}
	if (kind == "counter") != strings.HasSuffix(family, "_total") || kind != "counter" && kind != "gauge" {
		d.Errorf("%s is a %q", family, kind)
	}
	if _, twice := series[m[1]+m[2]]; twice {
		d.Errorf("%s%s is there twice", m[1], m[2])
	}
	value, err := strconv.ParseFloat(m[6], 64)
	must(d, err)
	series[m[1]+m[2]] = value
}

// wantSeries scrapes until all is as wanted: what a request has taken is given back a moment after its reply.
func (d *desk) wantSeries(when string, want map[string]float64) {
	d.Helper()
	var wrong []string
	for late := time.Now().Add(patience); time.Now().Before(late); {
		got := d.scrape()
		wrong = nil
		for name, value := range want {
			if n, ok := got[name]; !ok || n != value {
				wrong = append(wrong, fmt.Sprintf("%s is %v (present: %v), want %v", name, n, ok, value))
			}
		}
		if wrong == nil {
			return
		}
	}
	d.Errorf("%s: %s", when, strings.Join(wrong, "; "))
}

func TestMetricsOfBackends(t *testing.T) {
	d := openDesk(t, named("a", `b"\`), nil)
	d.pool.SetState("a", routing.Down)
	d.pool.SetState("a", routing.Ejected)
	d.sessions.Learn("s", d.backend("a"), time.Minute, routing.ByHandshake)
	d.open(routing.Request{SID: "s"})
	d.wantSeries("after a death", map[string]float64{
		`holdfast_backend_state{backend="a",state="up"}`:       0,
		`holdfast_backend_state{backend="a",state="ejected"}`:  1,
		`holdfast_backend_state{backend="a",state="draining"}`: 0,
		`holdfast_backend_state{backend="a",state="down"}`:     0,
		`holdfast_backend_deaths_total{backend="a"}`:           1,
		`holdfast_backend_sessions{backend="a"}`:               1,
		`holdfast_backend_in_flight{backend="a"}`:              1,
		`holdfast_backend_weight{backend="a"}`:                 1,
		`holdfast_backend_state{backend="b\"\\",state="up"}`:   1,
		`holdfast_build_info{version="v1"}`:                    1,
		`holdfast_ready`:                                       1,
		`holdfast_sessions{place="held"}`:                      1,
	})
}

func TestABackendThatMovesIsOneSeries(t *testing.T) {
	d := openDesk(t, []routing.BackendConfig{{ID: "a", URL: "http://127.0.0.1:1"}}, nil)
	d.sessions.Learn("s", d.backend("a"), time.Minute, routing.ByHandshake)
	must(t, d.pool.Set([]routing.BackendConfig{{ID: "a", URL: "http://127.0.0.1:2", Weight: 5}}))
	d.sessions.Learn("t", d.backend("a"), time.Minute, routing.ByHandshake)
	d.wantSeries("after the move", map[string]float64{
		`holdfast_backend_state{backend="a",state="up"}`:       1,
		`holdfast_backend_state{backend="a",state="draining"}`: 0,
		`holdfast_backend_sessions{backend="a"}`:               2,
		`holdfast_backend_weight{backend="a"}`:                 5,
	})
}

// TestMetricsOfTraffic has requests go through the proxy to a backend that opens one session and denies all others.
func TestMetricsOfTraffic(t *testing.T) {
	const handshake = `0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	waiting, end := make(chan struct{}), make(chan struct{})
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		switch sid := r.URL.Query().Get("sid"); sid {
		case "":
			w.Write([]byte(handshake))
		case "lv_VI97HAXpY6yYWAAAC":
			close(waiting)
			<-end
			w.Write([]byte("6"))
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			w.Write([]byte(`{"code":1,"message":"Session ID unknown"}`))
		}
	}))
	defer backend.Close()
	d := openDesk(t, []routing.BackendConfig{{ID: "a", URL: backend.URL}}, nil)
	poll := func(query string) string {
		_, body := get(t, "http://"+d.front+"/socket.io/?EIO=4&transport=polling"+query)
		return body
	}
	d.wantSeries("at the start", map[string]float64{`holdfast_requests_total{pin="new"}`: 0, `holdfast_searches_total`: 0})
	tagged := strings.SplitN(poll(""), `"`, 5)[3]
	poll("&sid=nobody")
	done := make(chan string)
	go func() { done <- poll("&sid=" + tagged) }()
	<-waiting
	d.wantSeries("in the end", map[string]float64{"holdfast_requests_in_flight": 1})
	d.wantSeries("while a poll waits", map[string]float64{
		`holdfast_requests_total{pin="new"}`:       1,
		`holdfast_requests_total{pin="tag"}`:       1,
		`holdfast_requests_total{pin="sought"}`:    0,
		`holdfast_requests_total{pin="dead"}`:      0,
		`holdfast_requests_total{pin="none"}`:      0,
		`holdfast_searches_total`:                  1,
		`holdfast_search_requests_total`:           1,
		`holdfast_searches_found_total`:            0,
		`holdfast_requests_in_flight`:              1,
		`holdfast_tunnels`:                         0,
		`holdfast_sessions{place="held"}`:          1,
		`holdfast_backend_in_flight{backend="a"}`:  1,
		`holdfast_handshakes_not_understood_total`: 0,
	})
	close(end)
	if body := <-done; body != "6" {
		t.Errorf("the poll brought %q, want 6", body)
	}
}

// TestMetricsOfHandshakes has one session more want in than the only backend may have.
func TestMetricsOfHandshakes(t *testing.T) {
	d := openDesk(t, []routing.BackendConfig{{ID: "a", URL: "http://127.0.0.1:1", MaxSessions: 1}}, nil)
	d.open(routing.Request{Opens: true})
	gone := make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		defer close(gone)
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.front+"/socket.io/?EIO=4&transport=polling", nil)
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}()
	d.wantSeries("in the end", map[string]float64{"holdfast_handshakes_waiting": 1})
	leave()
	<-gone
	d.wantSeries("in the end", map[string]float64{"holdfast_handshakes_waiting": 0})
	got := d.scrape()
	if got["holdfast_handshake_wait_seconds_total"] <= 0 {
		t.Errorf("nobody has waited for a time: %v", got)
	}
	d.wantSeries("after it has left", map[string]float64{
		`holdfast_handshakes_waited_total`:                 1,
		`holdfast_handshakes_refused_total{bound="queue"}`: 0,
		`holdfast_handshakes_refused_total{bound="wait"}`:  0,
	})
}

func TestMetricsOfHealthAndDiscovery(t *testing.T) {
	var panicked atomic.Bool
	d := openDesk(t, named("a", "b"), func(c *admin.Config) {
		c.Health = func() map[string]admin.Health {
			return map[string]admin.Health{"a": {Status: "up"}, "b": {Status: "down", Panic: panicked.Load()}}
		}
		c.Sources = func() []admin.Source {
			return []admin.Source{{Name: "file:///x", Backends: 2, Failures: 3, Failing: true}, {Name: "dns://y:1"}}
		}
	})
	d.wantSeries("while all is well", map[string]float64{
		`holdfast_panic`: 0,
		`holdfast_discovery_failing{source="file:///x"}`:        1,
		`holdfast_discovery_failing{source="dns://y:1"}`:        0,
		`holdfast_discovery_failures_total{source="file:///x"}`: 3,
		`holdfast_discovery_backends{source="file:///x"}`:       2,
	})
	panicked.Store(true)
	d.wantSeries("in panic", map[string]float64{`holdfast_panic`: 1})
}
