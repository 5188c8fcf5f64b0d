package main_test

import (
	"maps"
	"slices"
	"testing"
	"time"
)

// leaveLimit is how soon the server must know that a polling client has gone.
const leaveLimit = 100 * time.Millisecond

// TestClientLeavesDuringPoll lets clients go while their poll waits: the server
// fires disconnect within 100 ms of the client's socket closing. A machine that
// runs other tests beside this one may let a process wait longer than that for
// its turn, so that each way of leaving has five tries; a proxy that tells late
// does so in each.
func TestClientLeavesDuringPoll(t *testing.T) {
	tests := []struct{ kind, version string }{{"js4", "4"}, {"js4", "2"}, {"js3", "3"}, {"js2", "2"}}
	for _, test := range tests {
		t.Run(test.kind+" client "+test.version, func(t *testing.T) {
			backends := startBackends(t, test.kind, 3)
			p := startProxy(t, proxyConfig{Backends: backends})
			shown := map[string]bool{}
			for try := 1; len(shown) < len(leavings); try++ {
				if try > 5 {
					t.Fatalf("the servers knew of clients' leaving too late in five tries but where it was %v", slices.Collect(maps.Keys(shown)))
				}
				late := leave(t, backends, clientsConfig{URL: p.url(), Version: test.version, Mode: "polling", Count: 12})
				for _, how := range leavings {
					if late[how] == nil {
						shown[how] = true
					}
				}
				if len(late) > 0 {
					t.Logf("try %d: too late: %v", try, late)
				}
			}
		})
	}
}

// leavings are the ways in which clients go: by a cut of the connection, before or
// after a proxy may have put the poll aside, or by their process's death.
var leavings = []string{"cut at once", "cut after 300 ms", "killed"}

// leave starts twelve clients and lets all of them go, half of them by the last of
// the leavings. It returns what took too long.
func leave(t *testing.T, backends []*backend, cfg clientsConfig) map[string][]time.Duration {
	t.Helper()
	late := map[string][]time.Duration{}
	note := func(how string, took time.Duration) {
		if took > leaveLimit {
			late[how] = append(late[how], took)
		}
	}
	c := startClients(t, cfg)
	s := c.summary(t)
	for _, r := range s.Clients[:6] {
		waits := r.Client % 2
		left := c.abort(t, r.Client, time.Duration(waits)*300*time.Millisecond).at()
		note(leavings[waits], goneAfter(t, backends, r, left))
	}
	left := c.kill(t)
	for _, r := range s.Clients[6:] {
		note(leavings[2], goneAfter(t, backends, r, left))
	}
	return late
}

// goneAfter waits for a client's disconnect at its server and returns how long
// after its leaving that came.
func goneAfter(t *testing.T, backends []*backend, r report, left time.Time) time.Duration {
	t.Helper()
	server := byID(t, backends, r.Server)
	return server.wait(t, 5*time.Second, fields{"event": "disconnect", "sid": r.SID}).at().Sub(left)
}

func byID(t *testing.T, backends []*backend, id string) *backend {
	t.Helper()
	for _, b := range backends {
		if b.id == id {
			return b
		}
	}
	t.Fatalf("a client is on %q, which is none of the backends", id)
	return nil
}
