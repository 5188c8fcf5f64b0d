package main_test

import (
	"fmt"
	"testing"
	"time"
)

// leaveLimit is how soon the server must know that a polling client has gone.
const leaveLimit = 100 * time.Millisecond

// TestClientLeavesDuringPoll lets clients go while their poll waits: the server
// fires disconnect within 100 ms of the client's socket closing. A machine that
// runs other tests beside this one may let a process wait longer than that for
// its turn, so the test allows two more tries; a proxy that tells late does so
// in each.
func TestClientLeavesDuringPoll(t *testing.T) {
	tests := []struct{ kind, version string }{{"js4", "4"}, {"js4", "2"}, {"js3", "3"}, {"js2", "2"}}
	for _, test := range tests {
		t.Run(test.kind+" client "+test.version, func(t *testing.T) {
			backends := startBackends(t, test.kind, 3)
			p := startProxy(t, proxyConfig{Backends: backends})
			for try := 1; ; try++ {
				late := leave(t, backends, clientsConfig{URL: p.url(), Version: test.version, Mode: "polling", Count: 12})
				if len(late) == 0 {
					return
				}
				if try == 3 {
					t.Fatalf("the servers knew of clients' leaving too late in three tries, at last: %v", late)
				}
				t.Logf("try %d: too late: %v", try, late)
			}
		})
	}
}

// leave starts twelve clients and lets all of them go. Half of them drop the
// connection: at once, or after waiting long enough for a proxy to have put the
// poll aside. The others' process is killed. It returns what took too long.
func leave(t *testing.T, backends []*backend, cfg clientsConfig) (late []string) {
	t.Helper()
	c := startClients(t, cfg)
	s := c.summary(t)
	for _, r := range s.Clients[:6] {
		age := time.Duration(r.Client%2) * 300 * time.Millisecond
		left := c.abort(t, r.Client, age).at()
		if took := goneAfter(t, backends, r, left); took > leaveLimit {
			late = append(late, fmt.Sprintf("client %d: %v after its connection was cut", r.Client, took))
		}
	}
	left := c.kill(t)
	for _, r := range s.Clients[6:] {
		if took := goneAfter(t, backends, r, left); took > leaveLimit {
			late = append(late, fmt.Sprintf("client %d: %v after its process was killed", r.Client, took))
		}
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
