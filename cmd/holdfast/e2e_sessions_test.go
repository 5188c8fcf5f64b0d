package main_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// anyAddress makes a new connection for every request, so that none is ever sent
// twice and none depends on a connection's end.
var anyAddress = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// keepingAlive keeps its connections for the next request, as browsers do.
func keepingAlive() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConns: 10_000, MaxIdleConnsPerHost: 10_000}}
}

// fromAddress is anyAddress for requests that come from one loopback address.
func fromAddress(ip string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialerFrom(ip).DialContext}}
}

func dialerFrom(ip string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
}

// openSessions opens n sessions, sixteen at a time, and lets each of them exchange
// a message.
func openSessions(t *testing.T, n int, cfg sessionConfig) []*session {
	t.Helper()
	sessions := make([]*session, n)
	problems := forEach(n, 16, func(i int) (err error) {
		if sessions[i], err = openSession(cfg); err == nil {
			err = sessions[i].exchange(1)
		}
		return err
	})
	for _, problem := range problems {
		t.Fatalf("opening %d sessions: %s", n, problem)
	}
	return sessions
}

// exchangeAll has every session exchange messages, and compares all counts.
func exchangeAll(sessions []*session, messages int) []string {
	const width = 32
	return forEach(len(sessions), width, func(i int) error {
		s := sessions[i]
		if err := s.exchange(messages); err != nil {
			return err
		}
		if wrong := s.problems(); wrong != nil {
			return fmt.Errorf("%s", strings.Join(wrong, ", "))
		}
		return nil
	})
}

// forEach calls do for 0 to n-1, width at a time, and returns what went wrong:
// each error once, with the number of times.
func forEach(n, width int, do func(i int) error) []string {
	var mu sync.Mutex
	var all tally
	var next atomic.Int64
	var work sync.WaitGroup
	for range min(n, width) {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					mu.Lock()
					all.add("× "+err.Error(), 1)
					mu.Unlock()
				}
			}
		})
	}
	work.Wait()
	return all.lines()
}
