package main_test

import (
	"testing"
	"time"
)

// TestReturningClientsFindTheirServer cuts thirty clients off at once, all of
// them behind one address, by killing the proxy. Their servers keep what each has
// missed (connection state recovery), but a new session's handshake has neither
// the old sid nor a cookie: with a key of its own in the query every client comes
// back to its server and is recovered, without one only by chance.
func TestReturningClientsFindTheirServer(t *testing.T) {
	const n = 30
	backends := startBackends(t, "js4", 3, "--recover")
	for _, test := range []struct {
		name  string
		query string
		all   bool // are recovered
	}{
		{"with a key", "aff=user-{client}", true},
		{"without a key", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := startProxy(t, proxyConfig{Backends: backends, Args: []string{"--affinity", "sid,cookie,query:aff"}})
			c := startClients(t, clientsConfig{URL: p.url(), Count: n, Args: []string{"--query", test.query, "--big", "0", "--sizes", ""}})
			c.summary(t)
			p.kill(t)
			p.restart(t)
			c.waitCount(t, 20*time.Second, 2*n, fields{"event": "welcome"})
			recovered := len(c.find(fields{"event": "welcome", "recovered": true}))
			t.Logf("%d of %d clients recovered", recovered, n)
			if (recovered == n) != test.all {
				t.Errorf("%d of %d clients recovered, want all of them: %v", recovered, n, test.all)
			}
		})
	}
}
