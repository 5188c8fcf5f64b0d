package main_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"
)

// TestClientRoams has sessions whose every request comes from another address,
// as from a train or from behind a pool of NAT addresses: known, searched for
// after a restart, or tagged, they all stay where they are.
func TestClientRoams(t *testing.T) {
	t.Parallel()
	needAddresses(t)
	backends := startBackends(t, "js4", 3)
	for _, tagged := range []bool{false, true} {
		t.Run(fmt.Sprintf("--sid-tag=%t", tagged), func(t *testing.T) {
			p := startCountingProxy(t, proxyConfig{Backends: backends, Args: []string{
				"--sid-tag", fmt.Sprint(tagged), "--secret", "of the journey",
			}})
			sessions := openSessions(t, inForm(30, 200), sessionConfig{URL: p.url(), HTTP: everElsewhere()})
			problems := exchangeAll(sessions, 5)
			if f := p.figures(t); f.Searches.Begun > 0 {
				t.Errorf("%d searches for sessions that are known", f.Searches.Begun)
			}
			p.kill(t)
			p.restart(t)
			problems = append(problems, exchangeAll(sessions, 5)...)
			for _, problem := range problems {
				t.Error(problem)
			}
		})
	}
}

// TestOneAddressSpreads opens sessions from one address, as those of a whole
// office are: no backend gets more than 36 % of them.
func TestOneAddressSpreads(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 3)
	p := startProxy(t, proxyConfig{Backends: backends})
	sessions := openSessions(t, inForm(240, 500), sessionConfig{URL: p.url()})
	held := map[string]int{}
	for _, s := range sessions {
		held[s.Server]++
	}
	for id, n := range held {
		if 100*n > 36*len(sessions) {
			t.Errorf("%s has %d of %d sessions, want at most 36 %%", id, n, len(sessions))
		}
	}
	t.Logf("%d sessions from one address: %v", len(sessions), held)
}

// TestCookieIsNoMoreThanAHint gives sessions every wrong cookie there is. A
// cookie may choose where a new session begins; where one goes on it has no say,
// neither while its pin is known nor after a restart.
func TestCookieIsNoMoreThanAHint(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 3)
	p := startProxy(t, proxyConfig{Backends: backends, Args: []string{"--secret", "of the cookies"}})
	tokens := tokensOf(t, p, len(backends))
	removed := tokenOfAnother(t)
	tests := map[string]struct {
		first string                // with the handshake
		later func(*session) string // with all that follows
	}{
		"dropped":              {"", func(*session) string { return "" }},
		"forged":               {"AAAAAAAA", func(*session) string { return "AAAAAAAA" }},
		"senseless":            {"../../etc/passwd", func(*session) string { return "../../etc/passwd" }},
		"of another backend":   {"", func(s *session) string { return otherThan(s.Token, tokens) }},
		"of a removed backend": {removed, func(*session) string { return removed }},
	}
	for name, test := range tests {
		sessions := openSessions(t, inForm(6, 60), sessionConfig{URL: p.url(), Cookie: test.first})
		for _, s := range sessions {
			if s.Token == "" {
				t.Fatalf("cookie %s: a handshake set none in its place", name)
			}
			s.Cookie = test.later(s)
		}
		problems := exchangeAll(sessions, 2)
		p.kill(t)
		p.restart(t)
		for _, problem := range append(problems, exchangeAll(sessions, 2)...) {
			t.Errorf("cookie %s: %s", name, problem)
		}
	}
}

// tokensOf opens sessions until it has the cookies of n backends.
func tokensOf(t *testing.T, p *proxy, n int) []string {
	t.Helper()
	var tokens []string
	for try := 0; len(tokens) < n; try++ {
		s, err := openSession(sessionConfig{URL: p.url()})
		if err != nil || try == 100 {
			t.Fatalf("%d of %d backends' cookies seen in %d sessions: %v", len(tokens), n, try, err)
		}
		if !slices.Contains(tokens, s.Token) {
			tokens = append(tokens, s.Token)
		}
	}
	return tokens
}

// tokenOfAnother returns the cookie of a backend that the test's proxy does not
// have, but another one with the same secret.
func tokenOfAnother(t *testing.T) string {
	t.Helper()
	b := newBackend(t, backendConfig{Kind: "js4", ID: "removed"})
	b.process = b.launch(t)
	b.waitListening(t)
	p := startProxy(t, proxyConfig{Backends: []*backend{b}, Args: []string{"--secret", "of the cookies"}})
	return tokensOf(t, p, 1)[0]
}

func otherThan(token string, tokens []string) string {
	return tokens[(slices.Index(tokens, token)+1)%len(tokens)]
}

// needAddresses requires that every address of 127.0.0.0/8 is this machine's, as
// it is on Linux.
func needAddresses(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.2:0")
	require(t, err == nil, "no second loopback address: %v", err)
	l.Close()
}

// everElsewhere makes each request from another loopback address.
func everElsewhere() *http.Client {
	turn := make(chan int, 1)
	turn <- 0
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			n := <-turn
			turn <- n + 1
			return dialerFrom(fmt.Sprintf("127.%d.%d.%d", 1+n/250/250%250, n/250%250, 2+n%250)).DialContext(ctx, network, addr)
		},
	}}
}
