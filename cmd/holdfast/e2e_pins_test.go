package main_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
)

// TestNobodyElseMovesAPin lets one client do what it can to another's session,
// whose sid it even knows: requests with the cookies and tags of all backends
// must not bring the victim anywhere else, and handshakes without an end must not
// push it out of a table that has room for sixty.
func TestNobodyElseMovesAPin(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 3)
	for _, tagged := range []bool{false, true} {
		t.Run(fmt.Sprintf("--sid-tag=%t", tagged), func(t *testing.T) {
			p := startCountingProxy(t, proxyConfig{Backends: backends, Args: []string{
				"--sid-tag", fmt.Sprint(tagged), "--secret", "nobody knows", "--session-limit", "60",
			}})
			tokens := tokensOf(t, p.proxy, len(backends))
			searches := func() int { return p.figures(t).Searches.Begun }
			for _, problem := range attack(t, p.url(), tokens, searches) {
				t.Error(problem)
			}
			if stored := p.figures(t).Sessions; stored.Evicted == 0 {
				t.Errorf("nothing was evicted, so the table was never full: %+v", stored)
			}
		})
	}
}

// attack opens victims, does to them what a client can do, and returns what has
// become of them. searches counts those that the proxy has begun.
func attack(t *testing.T, url string, tokens []string, searches func() int) []string {
	t.Helper()
	victims := openSessions(t, 12, sessionConfig{URL: url})
	usurp(victims, tokens)
	for _, problem := range forEach(300, 16, func(int) error { return shakeHands(url) }) {
		t.Fatalf("handshakes without an end: %s", problem)
	}
	before := searches()
	problems := exchangeAll(victims, 1)
	if n := searches() - before; n > 0 {
		problems = append(problems, fmt.Sprintf("%d searches for sessions whose pins were to stay", n))
	}
	return problems
}

// usurp sends requests with the victims' sids that ask for every backend, by
// cookie and by tag. How they are answered is all the same.
func usurp(victims []*session, tokens []string) {
	forEach(len(victims), 4, func(i int) error {
		attacker := *victims[i]
		for _, token := range tokens {
			attacker.SID, attacker.Cookie = victims[i].SID, token
			_, _ = attacker.ask(context.Background(), http.MethodPost, attacker.heartbeat())
			if token != victims[i].Token {
				attacker.SID, attacker.Cookie = victims[i].Engine+"~"+token, ""
				_, _ = attacker.ask(context.Background(), http.MethodPost, attacker.heartbeat())
			}
		}
		return nil
	})
}

// shakeHands opens an Engine.IO session and never comes back to it.
func shakeHands(url string) error {
	s := &session{sessionConfig: sessionConfig{URL: url, EIO: 4, HTTP: anyAddress}}
	r, err := s.ask(context.Background(), http.MethodGet, "")
	if err != nil {
		return err
	}
	return s.take(r)
}
