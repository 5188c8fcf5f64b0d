package main_test

import (
	"fmt"
	"testing"
)

// TestReplicasAgree puts three proxies that know nothing of each other behind a
// TCP balancer that joins every connection to another one: real clients, whose
// handshake, POST, poll and upgrade come over different connections, see no error,
// and all upgrade. With tags, which replicas with the same --secret understand,
// none of it is searched for.
func TestReplicasAgree(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 3)
	tests := []replicasRow{
		{"backends in the same order", [][]int{{0, 1, 2}, {0, 1, 2}, {0, 1, 2}}, []string{"4", "2"}, false},
		{"backends in another order on each", [][]int{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}}, []string{"4", "2"}, false},
		{"backends in another order on each, with tags", [][]int{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}}, []string{"4"}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, backends) })
	}
}

type replicasRow struct {
	name     string
	order    [][]int  // of the backends, on each replica
	versions []string // of the clients
	tagged   bool
}

func (r replicasRow) run(t *testing.T, backends []*backend) {
	replicas, url := startReplicas(t, backends, r.order, "--sid-tag", fmt.Sprint(r.tagged))
	var groups []*clients
	for _, version := range r.versions {
		groups = append(groups, startClients(t, clientsConfig{URL: url, Version: version, Count: inForm(12, 60)}))
	}
	sessions := 0
	for _, c := range groups {
		s := c.summary(t)
		sessions += len(s.Clients)
		for _, problem := range s.problems("websocket") {
			t.Errorf("%s: %s", c.name, problem)
		}
	}
	r.checkSearches(t, replicas, sessions)
}

// startReplicas starts a proxy for each order of the backends, and a balancer in
// front of them, whose URL it returns.
func startReplicas(t *testing.T, backends []*backend, orders [][]int, args ...string) ([]*countingProxy, string) {
	t.Helper()
	var replicas []*countingProxy
	var addrs []string
	for _, order := range orders {
		p := startCountingProxy(t, proxyConfig{
			Backends: inOrder(backends, order),
			Args:     append([]string{"--access-log", "true", "--secret", "of all replicas"}, args...),
		})
		replicas, addrs = append(replicas, p), append(addrs, p.addr)
	}
	return replicas, balance(t, addrs)
}

func (r replicasRow) checkSearches(t *testing.T, replicas []*countingProxy, sessions int) {
	t.Helper()
	apart := scattered(replicas)
	if apart < sessions/2 {
		t.Errorf("%d of %d sessions had requests on more than one replica: the balancer was to scatter them", apart, sessions)
	}
	searches, asked := 0, 0
	for _, p := range replicas {
		f := p.figures(t)
		searches, asked = searches+f.Searches.Begun, asked+f.Searches.Asked
	}
	t.Logf("%d sessions, %d of them on several replicas: %d searches, %d backend requests", sessions, apart, searches, asked)
	if r.tagged && searches > 0 {
		t.Errorf("%d searches, want none with tags", searches)
	}
}

// scattered counts the sessions that had requests on more than one replica.
func scattered(replicas []*countingProxy) (n int) {
	seen := map[string]map[string]bool{}
	for _, p := range replicas {
		for _, l := range p.find(fields{"msg": "request"}) {
			sid := l.str("sid")
			if sid == "" {
				continue
			}
			if seen[sid] == nil {
				seen[sid] = map[string]bool{}
			}
			seen[sid][p.addr] = true
		}
	}
	for _, on := range seen {
		n += count(len(on) > 1)
	}
	return n
}

func inOrder(backends []*backend, order []int) (list []*backend) {
	for _, i := range order {
		list = append(list, backends[i])
	}
	return list
}
