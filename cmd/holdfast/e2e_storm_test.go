package main_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestStormIsPaced lets all clients of a fleet come back in one moment, as after
// the proxy's or a network's fall. No backend gets more handshakes than its rate
// allows in any second, those who live through it lose nothing, and everybody is
// connected in the time that the rates take.
func TestStormIsPaced(t *testing.T) {
	t.Parallel()
	clients, rate, burst := inForm(240, 5000), inForm(20, 80), inForm(5, 20)
	backends := startBackends(t, "js4", 3)
	p := startCountingProxy(t, proxyConfig{Backends: backends, Args: []string{
		"--handshake-rate", fmt.Sprint(rate), "--handshake-burst", fmt.Sprint(burst),
		"--health-timeout", "10s", "--health-interval", "10s", // servers and clients of all these share one machine
	}})
	living := startLoad(t, 12, sessionConfig{URL: p.url()}, func(string) bool { return false })
	began := time.Now()
	var refused atomic.Int64
	problems := forEach(clients, clients, func(int) error {
		n, err := comeBack(p.url())
		refused.Add(int64(n))
		return err
	})
	took := time.Since(began)
	waited := p.series(t, "holdfast_handshakes_waited_total")
	for _, problem := range slices.Concat(problems, living.end(), exchangeAll(living.sessions, 2)) {
		t.Error(problem)
	}
	t.Logf("%d clients connected after %v: %.0f waits, %d refusals", clients, took.Round(time.Millisecond), waited, refused.Load())
	if waited == 0 {
		t.Error("nobody had to wait")
	}
	for _, b := range backends {
		most := busiestSecond(b)
		t.Logf("%s: at most %d handshakes in a second", b.id, most)
		// A busy machine may be late with some handshakes, and so give a second those of the one or two before it as well.
		if limit := burst + rate + rate*3/2; most > limit {
			t.Errorf("%s got %d handshakes in a second, want at most %d", b.id, most, limit)
		}
	}
}

// comeBack opens a session as a Socket.IO client does that finds a server
// overloaded: again after a while. It returns how often it was refused.
func comeBack(url string) (refused int, err error) {
	for {
		s, err := openSession(sessionConfig{URL: url})
		if err == nil {
			_, err = s.ask(context.Background(), http.MethodPost, "1") // and goodbye
			return refused, err
		}
		if !strings.Contains(err.Error(), "status 503") {
			return refused, err
		}
		refused++
		<-time.After(time.Second + time.Duration(refused%5)*500*time.Millisecond)
	}
}

// busiestSecond returns the most handshakes that a server has had in a second.
func busiestSecond(b *backend) (most int) {
	handshakes := b.find(fields{"event": "session"})
	from := 0
	for i, l := range handshakes {
		for l.at().Sub(handshakes[from].at()) >= time.Second {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}
