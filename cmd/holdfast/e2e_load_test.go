package main_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load is sessions that exchange messages all the time. A session that breaks
// is opened anew; what else goes wrong is a problem.
type load struct {
	mayBreak func(server string) bool // because this server dies during the test
	sessions []*session
	opened   []opened // where each session was at the beginning
	broken   atomic.Int64

	stopping  atomic.Bool
	work      sync.WaitGroup
	exchanged chan string // the servers of exchanges that have succeeded, while somebody listens

	mu  sync.Mutex
	all tally
}

type opened struct{ sid, server string }

// loadPace is the time from one exchange of a session to the next.
const loadPace = 20 * time.Millisecond

// startLoad opens n sessions and keeps them busy until the test ends, or end.
func startLoad(t *testing.T, n int, cfg sessionConfig, mayBreak func(server string) bool) *load {
	t.Helper()
	l := &load{mayBreak: mayBreak, sessions: openSessions(t, n, cfg), exchanged: make(chan string)}
	for i, s := range l.sessions {
		l.opened = append(l.opened, opened{s.SID, s.Server})
		l.work.Go(func() { l.keepBusy(i) })
	}
	t.Cleanup(func() { l.end() })
	return l
}

func (l *load) keepBusy(i int) {
	pace := time.NewTicker(loadPace)
	defer pace.Stop()
	for !l.stopping.Load() {
		<-pace.C
		s := l.sessions[i]
		err := s.exchange(1)
		if err == nil {
			select {
			case l.exchanged <- s.Server:
			default:
			}
			continue
		}
		l.broken.Add(1)
		if !l.mayBreak(s.Server) {
			l.note(fmt.Sprintf("broken sessions of %s: %v", s.Server, err))
		}
		l.reopen(i)
	}
}

// reopen is a client's coming back: at once, and again until it succeeds.
func (l *load) reopen(i int) {
	for !l.stopping.Load() {
		s, err := openSession(l.sessions[i].sessionConfig)
		if err == nil {
			l.sessions[i] = s
			return
		}
		if !strings.Contains(err.Error(), "status 50") { // its new backend may have died in the middle
			l.note(fmt.Sprintf("failed attempts to come back: %v", err))
		}
	}
}

func (l *load) note(problem string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.add(problem, 1)
}

// await waits for n exchanges that server has a part in; "" is any server.
func (l *load) await(t *testing.T, n int, server string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for n > 0 {
		select {
		case on := <-l.exchanged:
			n -= count(server == "" || on == server)
		case <-late:
			t.Fatalf("%d more exchanges with %q wanted after 20 s", n, server)
		}
	}
}

// end stops the load, and returns what went wrong.
func (l *load) end() []string {
	l.stopping.Store(true)
	l.work.Wait()
	return l.all.lines()
}
