package main_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestFloodOfMadeUpSIDs floods the proxy with polls for sids that nobody has,
// beside pinned and tagged sessions, which must not notice, and sessions that are
// only to be found by searching, from another address than the flood's, which
// must be found all the same. What backends are asked stays within --seek-rate.
func TestFloodOfMadeUpSIDs(t *testing.T) {
	needAddresses(t)
	backends := startBackends(t, "js4", 3, "--count-refused", floodPrefix)
	perSecond, seekRate := inForm(2_000, 10_000), inForm(50, 1_000)
	p := startCountingProxy(t, proxyConfig{Backends: backends, Args: []string{
		"--sid-tag", "true", "--secret", "of the flood", "--seek-rate", fmt.Sprint(seekRate),
	}})
	known := openKnown(t, p, inForm(45, 500))
	unknown := openUnknown(t, p, backends)
	memory, _ := residentMemory(p.process)
	length := inForm(2*time.Second, 20*time.Second)
	quiet := known.measure(t, length)

	f := startFlood(t, p.addr, perSecond, seekRate)
	var finding sync.WaitGroup
	finding.Go(func() { findEach(t, unknown) })
	flooded := known.measure(t, length)
	finding.Wait()
	f.check(t, backends, seekRate)
	now, highest := residentMemory(p.process)
	t.Logf("resident memory: %d MiB before, %d MiB after, %d MiB at most", memory, now, highest)
	known.check(t, backends, quiet, flooded)
}

// knownSessions are sessions that the proxy knows, by how.
type knownSessions map[string][]*session

// openKnown opens n sessions of each kind. Each keeps its connections open.
func openKnown(t *testing.T, p *countingProxy, n int) knownSessions {
	t.Helper()
	known := knownSessions{}
	for name, eio := range map[string]int{"pinned": 3, "tagged": 4} {
		known[name] = openSessions(t, n, sessionConfig{URL: p.url(), EIO: eio, HTTP: keepingAlive()})
	}
	return known
}

// measure has all sessions send heartbeats.
func (k knownSessions) measure(t *testing.T, length time.Duration) map[string]latencies {
	t.Helper()
	var mu sync.Mutex
	var work sync.WaitGroup
	measured := map[string]latencies{}
	for name, sessions := range k {
		work.Go(func() {
			took, problems := heartbeats(sessions, inForm(500*time.Millisecond, 2*time.Second), length)
			mu.Lock()
			defer mu.Unlock()
			measured[name] = took
			for _, problem := range problems {
				t.Errorf("heartbeats of %s sessions: %s", name, problem)
			}
		})
	}
	work.Wait()
	return measured
}

// check requires that the sessions go on, were never searched for, and, in the
// long form, which needs a core or two to spare, did not wait for long.
func (k knownSessions) check(t *testing.T, backends []*backend, quiet, flooded map[string]latencies) {
	t.Helper()
	for name, sessions := range k {
		for _, problem := range exchangeAll(sessions, 1) {
			t.Errorf("%s sessions after the flood: %s", name, problem)
		}
		if n := askedElsewhere(backends, sessions); n > 0 {
			t.Errorf("%s sessions were searched for: %d servers were asked in vain", name, n)
		}
		before, beside := quiet[name].quantile(0.99), flooded[name].quantile(0.99)
		if *long && beside > 2*before {
			t.Errorf("%s sessions: p99 %v beside the flood, %v before: want at most twice as much", name, beside, before)
		}
		t.Logf("%s, quiet: %v", name, quiet[name])
		t.Logf("%s, flood: %v", name, flooded[name])
	}
}

// openUnknown opens sessions at the backends themselves. What the proxy gets to
// see of them comes from an address that is not the flood's.
func openUnknown(t *testing.T, p *countingProxy, backends []*backend) (all []*session) {
	t.Helper()
	for _, b := range backends {
		all = append(all, openSessions(t, inForm(4, 40), sessionConfig{URL: b.url()})...)
	}
	for _, s := range all {
		s.URL, s.HTTP = p.url(), fromAddress("127.0.0.9")
	}
	return all
}

// findEach has the sessions come to the proxy one after the other, and says how
// long they took to be found.
func findEach(t *testing.T, sessions []*session) {
	var took latencies
	problems := forEach(len(sessions), 1, func(i int) error {
		began := time.Now()
		err := sessions[i].exchange(1)
		took = append(took, time.Since(began))
		return err
	})
	slices.Sort(took)
	t.Logf("found beside the flood, exchange included: %v", took)
	for _, problem := range problems {
		t.Errorf("sessions to be found beside the flood: %s", problem)
	}
}
