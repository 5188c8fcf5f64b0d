package main_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowd is everybody who wants something of a proxy that is being replaced.
type crowd struct {
	proxy *countingProxy
	stop  chan struct{}
	work  sync.WaitGroup

	visits, questions, exchanges, polls, fins atomic.Int64

	mu  sync.Mutex
	all tally
}

// end sends everybody home and returns what has gone wrong.
func (c *crowd) end() []string {
	close(c.stop)
	c.work.Wait()
	return c.all.lines()
}

func (c *crowd) note(who string, err error) {
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all.add(fmt.Sprintf("%s: %v", who, err), 1)
	}
}

func (c *crowd) over() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// rest lets the crowd go about its business for a while.
func (c *crowd) rest(d time.Duration) {
	select {
	case <-c.stop:
	case <-time.After(d):
	}
}

// each has somebody do something at that pace, however long each takes.
func (c *crowd) each(pace time.Duration, who string, do func() error) {
	c.work.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for !c.over() {
			<-tick.C
			c.work.Go(func() { c.note(who, do()) })
		}
	})
}

// visit is a request on a connection of its own. Backends answer it with 404.
func (c *crowd) visit() error {
	c.visits.Add(1)
	res, err := anyAddress.Get(c.proxy.url() + "/")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}

func (c *crowd) question() error {
	c.questions.Add(1)
	res, err := anyAddress.Get("http://" + c.proxy.admin + "/readyz")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}

// exchanging opens sessions that exchange a message at that pace. Half of them
// keep their connections.
func (c *crowd) exchanging(t *testing.T, n int, pace time.Duration) []*session {
	t.Helper()
	sessions := openSessions(t, n/2, sessionConfig{URL: c.proxy.url()})
	sessions = append(sessions, openSessions(t, n-n/2, sessionConfig{URL: c.proxy.url(), HTTP: keepingAlive()})...)
	for i, s := range sessions {
		c.work.Go(func() {
			c.rest(pace * time.Duration(i) / time.Duration(n)) // so that they spread
			for !c.over() {
				if err := s.exchange(1); err != nil {
					c.note("exchange", err)
					return
				}
				c.exchanges.Add(1)
				c.rest(pace)
			}
		})
	}
	return sessions
}

// waiting opens sessions that have a poll open all the time.
func (c *crowd) waiting(t *testing.T, n int) []*session {
	t.Helper()
	sessions := openSessions(t, n, sessionConfig{URL: c.proxy.url()})
	for _, s := range sessions {
		c.work.Go(func() {
			c.note("poll", s.hear(context.Background(), func() bool { c.polls.Add(1); return c.over() }))
		})
	}
	return sessions
}

// tunnelling opens tunnels whose clients come back at once when they end.
func (c *crowd) tunnelling(t *testing.T, n int) {
	t.Helper()
	open := make(chan error, n)
	for range n {
		c.work.Go(func() {
			first := true
			for !c.over() {
				w, err := openTunnel(c.proxy.addr)
				if first {
					open <- err
				}
				if first = false; err != nil {
					c.note("tunnel", err)
					return
				}
				c.note("tunnel", c.use(w))
				w.Close()
			}
		})
	}
	for range n {
		if err := <-open; err != nil {
			t.Fatal(err)
		}
	}
}

// use answers a tunnel's pings until it ends with a FIN between two messages, or
// the crowd goes home.
func (c *crowd) use(w *tunnel) error {
	goHome := make(chan struct{})
	defer close(goHome)
	c.work.Go(func() {
		select {
		case <-c.stop:
			w.Close()
		case <-goHome:
		}
	})
	for {
		packet, err := w.receive()
		switch {
		case c.over():
			return nil
		case err != nil && strings.HasSuffix(err.Error(), "EOF") && w.in.Buffered() == 0:
			c.fins.Add(1)
			return nil
		case err != nil:
			return err
		case packet == "2":
			if err := w.send("3"); err != nil {
				return err
			}
		}
		_ = w.SetDeadline(time.Now().Add(patience))
	}
}
