package main_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestPanicEndsNobodyAndSlowStartFollows kills one backend of two, which leaves
// fewer than are wanted: holdfast then rather doubts its own eyes. The backend
// counts as up, and its sessions are not refused: their requests fail because it
// is dead, and that is all. When it is back, its weight grows little by little.
func TestPanicEndsNobodyAndSlowStartFollows(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 2)
	p := startCountingProxy(t, proxyConfig{Backends: backends, Args: []string{
		"--health-interval", "300ms", "--panic-threshold", "60", "--slow-start", "3s",
	}})
	dead := backends[0]
	s := openOn(t, p, sessionConfig{URL: p.url()}, dead)
	dead.kill(t)
	p.waitLog(t, 20*time.Second, "panic begins: too few backends are well, so all of them are used and no session is ended", nil)
	if got := p.series(t, "holdfast_panic"); got != 1 {
		t.Errorf("holdfast_panic is %v, want 1", got)
	}
	p.awaitAnswer(t, "/backends", `"status":"down"`)
	p.awaitState(t, dead, "up")
	if told := kindOf(s.ask(context.Background(), http.MethodPost, "3")); told != "502" {
		t.Errorf("a session of the dead backend is told %s, want 502, as by any proxy", told)
	}

	dead.restart(t)
	p.waitLog(t, 20*time.Second, "panic is over", nil)
	weight := fmt.Sprintf("holdfast_backend_weight{backend=%q}", dead.id)
	first := p.series(t, weight)
	if first >= 1 {
		t.Errorf("the backend's weight is %v right after it is back, want less than 1", first)
	}
	late := time.Now().Add(20 * time.Second)
	for p.series(t, weight) < 1 {
		if time.Now().After(late) {
			t.Fatalf("the backend's weight is %v after 20 s, want 1", p.series(t, weight))
		}
	}
	openOn(t, p, sessionConfig{URL: p.url()}, dead)
}

// answer asks the admin listener.
func (p *countingProxy) answer(t *testing.T, path string) string {
	t.Helper()
	res, err := (&http.Client{Timeout: 5 * time.Second}).Get("http://" + p.admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// awaitAnswer asks the admin listener until its answer has that part.
func (p *countingProxy) awaitAnswer(t *testing.T, path, part string) {
	t.Helper()
	late := time.Now().Add(20 * time.Second)
	for text := p.answer(t, path); !strings.Contains(text, part); text = p.answer(t, path) {
		if time.Now().After(late) {
			t.Fatalf("%s is %s after 20 s, want %s in it", path, text, part)
		}
	}
}

// series reads one value of the metrics, by its name and labels as written.
func (p *countingProxy) series(t *testing.T, name string) float64 {
	t.Helper()
	for line := range strings.Lines(p.answer(t, "/metrics")) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			value, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatalf("no series %s", name)
	return 0
}
