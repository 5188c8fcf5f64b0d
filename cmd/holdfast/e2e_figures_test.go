package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// figures are what holdfast counts, as its admin listener tells.
type figures struct {
	Searches struct{ Begun, Asked, Found int }
	Sessions struct {
		Held, Proven, Unproven, Evicted int
		NotStored                       int `json:"not_stored"`
	}
	Pins     map[string]int
	Requests int // under way now, waiting polls included
	Tunnels  int
	Backends []backendFigures
}

type backendFigures struct {
	ID, State string
	Sessions  int
	InFlight  int `json:"in_flight"`
	Weight    float64
	Health    struct{ Status string } // as checks find it; a newcomer's is unknown at first
}

// startCountingProxy starts a proxy whose figures can be asked for.
func startCountingProxy(t *testing.T, cfg proxyConfig) *countingProxy {
	t.Helper()
	admin := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	cfg.Args = append([]string{"--admin", admin}, cfg.Args...)
	return &countingProxy{startProxy(t, cfg), admin}
}

type countingProxy struct {
	*proxy
	admin string
}

func (p *countingProxy) figures(t *testing.T) figures {
	t.Helper()
	res, err := (&http.Client{Timeout: 5 * time.Second}).Get("http://" + p.admin + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var f figures
	if err := json.NewDecoder(res.Body).Decode(&f); err != nil {
		t.Fatal(err)
	}
	return f
}

// awaitFigures asks for the figures until they are as wanted.
func (p *countingProxy) awaitFigures(t *testing.T, wanted func(figures) bool) {
	t.Helper()
	p.awaitFiguresWithin(t, 10*time.Second, wanted)
}

// awaitFiguresWithin is awaitFigures for what may take longer.
func (p *countingProxy) awaitFiguresWithin(t *testing.T, limit time.Duration, wanted func(figures) bool) {
	t.Helper()
	late := time.Now().Add(limit)
	for f := p.figures(t); !wanted(f); f = p.figures(t) {
		if time.Now().After(late) {
			t.Fatalf("%s: figures after %v: %+v", p.name, limit, f)
		}
	}
}

// awaitState waits until a backend is "up", "ejected" or "down" to requests,
// which is a moment after the log has said so.
func (p *countingProxy) awaitState(t *testing.T, b *backend, state string) {
	t.Helper()
	p.awaitFigures(t, func(f figures) bool {
		return f.has(b.id, state)
	})
}

// perSearch is how many requests backends got for one search.
func (f figures) perSearch() float64 {
	if f.Searches.Begun == 0 {
		return 0
	}
	return float64(f.Searches.Asked) / float64(f.Searches.Begun)
}

// askedElsewhere counts the requests with these sessions' sids that servers
// refused because the session is not theirs: the price of searching, and 0 where a
// proxy knows where each session is. Only Node's servers tell.
func askedElsewhere(backends []*backend, sessions []*session) int {
	ours := map[string]bool{}
	for _, s := range sessions {
		ours[s.Engine] = true
	}
	n := 0
	for _, b := range backends {
		for _, l := range b.find(fields{"event": "refused"}) {
			n += count(ours[l.str("sid")])
		}
	}
	return n
}

// residentMemory returns a process's resident memory in MiB, now and at its
// highest; 0 where the system does not tell.
func residentMemory(p *process) (now, highest int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmRSS: %d kB", &now)
		fmt.Sscanf(line, "VmHWM: %d kB", &highest)
	}
	return now >> 10, highest >> 10
}
