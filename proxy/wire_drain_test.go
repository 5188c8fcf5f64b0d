package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
)

// closingAtOnce has the sessions of a draining backend closed at once, as many a second as a test may have.
func closingAtOnce(cfg *proxy.Config) {
	cfg.NoSeek = true
	cfg.DrainTimeout, cfg.DrainRate = 1, 1000
}

// goneBy has the table's clock lag by so much that no session has had a request for that long.
func goneBy(cfg *proxy.Config, d time.Duration) {
	cfg.Sessions = routing.NewSessions(routing.SessionsConfig{Now: func() time.Time { return time.Now().Add(-d) }})
}

// hanging is the script that answers handshakes, says that another request has come, and answers that one, its
// connection's last, once speak is closed.
func hanging(came chan<- message, speak <-chan struct{}) func(*backendConn) {
	return func(c *backendConn) {
		for {
			m, more := c.next()
			switch {
			case !more:
				return
			case m.target() == handshakeTarget:
				c.send(opened(c.b.sid.Load().(string)))
				continue
			}
			came <- m
			select {
			case <-speak:
				c.send(ok)
			case <-c.hungUp():
			}
			return
		}
	}
}

// hungUp is closed when the proxy has closed the connection.
func (c *backendConn) hungUp() <-chan struct{} {
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = c.r.Peek(1)
	}()
	return over
}

// TestDrainEndsWaitingPolls drains a backend where a poll waits: its client is told in the words that bring it back, the
// backend sees it leave, and a straggler of the session is refused here.
func TestDrainEndsWaitingPolls(t *testing.T) {
	t.Parallel()
	for _, row := range endRows {
		if !strings.HasPrefix(row.request, waits) {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 2, closingAtOnce)
			c := g.waitAt(t, 0, "drained", row.request)
			g.pool.Drain("b0", true)
			if got := c.reply(); got.raw() != row.want {
				t.Errorf("the client got %q, want %q", got.raw(), row.want)
			}
			if got := g.dial(t).ask(poll("drained")); got.raw() != denied {
				t.Errorf("a straggler of the session got %q", got.raw())
			}
			g.awaitDrained(t, 0, 1)
			if n := len(g.backend(1).seen()); n != 0 {
				t.Errorf("the other backend got %d requests", n)
			}
		})
	}
}

// waitAt opens a session at the i-th backend and sends a request of it, which hangs there until the proxy gives it up.
func (g *rig) waitAt(t testing.TB, i int, sid, request string) *client {
	t.Helper()
	g.sessionApart(t, i, sid)
	came := make(chan message, 1)
	g.backend(i).serve(hanging(came, nil))
	c := g.dial(t)
	c.send(strings.ReplaceAll(request, "SID", sid))
	<-came
	return c
}

// sessionApart opens a session at the i-th backend, of whose connections none is left for what follows.
func (g *rig) sessionApart(t testing.TB, i int, sid string) {
	t.Helper()
	g.session(t, i, sid).Close()
	for _, c := range g.backend(i).all() {
		c.Close()
	}
}

// awaitDrained waits until nothing is left at the i-th backend, after so many sessions were closed.
func (g *rig) awaitDrained(t testing.TB, i int, closed int64) {
	t.Helper()
	var d proxy.Drain
	eventually(t, "the backend is drained", func() bool {
		d, _ = g.proxy.DrainOf(g.owner(t, i))
		return d.Done
	})
	if d.Closed != closed || d.Polls+d.Tunnels != 0 {
		t.Errorf("%+v, want %d closed and nothing open", d, closed)
	}
}

// TestDrainEndsTunnels drains a backend that has a tunnel open: its client gets a FIN and no byte more.
func TestDrainEndsTunnels(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 2, closingAtOnce)
	g.pool.Drain("b1", true)
	c, b := g.tunnel(t)
	b.send("last")
	if got := c.read(4); got != "last" {
		t.Errorf("got %q", got)
	}
	g.pool.Drain("b0", true)
	c.closed()
	if got := b.drain(); got != "" {
		t.Errorf("the backend got %q", got)
	}
	c.Close()
	g.awaitDrained(t, 0, 1)
}

// TestDrainLeavesUpgradesUndisturbed drains a backend to which a client is just moving from polling to a WebSocket. If it
// lost that now, it would do neither; so it is let finish.
func TestDrainLeavesUpgradesUndisturbed(t *testing.T) {
	t.Parallel()
	const probe, probed, upgrade = "\x81\x86mask2probe", "\x81\x063probe", "\x81\x81mask5"
	g := startProxy(t, 2, closingAtOnce)
	g.sessionApart(t, 0, "moving")
	c, b := g.tunnelFor(t, "GET /socket.io/?EIO=4&transport=websocket&sid=moving HTTP/1.1\r\nHost: a\r\n"+upgradeFields+"\r\n")
	c.send(probe)
	if got := b.read(len(probe)); got != probe {
		t.Errorf("the backend got %q", got)
	}
	b.send(probed)
	if got := c.read(len(probed)); got != probed {
		t.Errorf("the client got %q", got)
	}
	g.pool.Drain("b1", true)
	other, _ := g.tunnel(t) // of no session, and younger
	g.pool.Drain("b0", true)
	other.closed()
	other.Close()
	c.send(upgrade)
	if got := b.read(len(upgrade)); got != upgrade {
		t.Errorf("the backend got %q", got)
	}
	c.closed()
	c.Close()
	g.awaitDrained(t, 0, 2)
}

// TestDrainEndsIdleSessions drains a backend where a session has nothing open: its next request is its end.
func TestDrainEndsIdleSessions(t *testing.T) {
	t.Parallel()
	for _, row := range endRows {
		if !strings.Contains(row.request, "SID") {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 2, func(cfg *proxy.Config) {
				closingAtOnce(cfg)
				goneBy(cfg, time.Minute)
			})
			g.session(t, 0, "idle").Close()
			before := len(g.backend(0).seen())
			g.pool.Drain("b0", true)
			g.awaitDrained(t, 0, 1)
			got := g.dial(t).ask(strings.ReplaceAll(row.request, "SID", "idle"))
			if lasting(got.raw()) != lasting(row.want) {
				t.Errorf("the next request got %q, want %q", got.raw(), row.want)
			}
			if n := len(g.backend(0).seen()) + len(g.backend(1).seen()); n != before {
				t.Errorf("backends got %d requests of the session", n-before)
			}
		})
	}
}

// lasting is a reply without its word on the connection, which ends where a body has not been read.
func lasting(raw string) string { return strings.Replace(raw, closes, "", 1) }

// TestASessionBetweenTwoPollsIsLeftToItsNextPoll drains a backend while the session's client has the reply to one poll and
// has not sent the next: it is not refused, since its POST may come first.
func TestASessionBetweenTwoPollsIsLeftToItsNextPoll(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, closingAtOnce)
	g.session(t, 0, "between").Close()
	g.pool.Drain("b0", true)
	eventually(t, "sessions are being closed", func() bool {
		d, _ := g.proxy.DrainOf(g.owner(t, 0))
		return !d.Deadline.IsZero()
	})
	c := g.dial(t)
	if got := c.ask(post("between")); got.raw() != ok {
		t.Errorf("the POST got %q", got.raw())
	}
	came := make(chan message, 1)
	g.backend(0).serve(hanging(came, nil))
	for _, b := range g.backend(0).all() {
		b.Close()
	}
	if got := c.ask(poll("between")); got.raw() != denied {
		t.Errorf("the poll got %q", got.raw())
	}
	<-came
	g.awaitDrained(t, 0, 1)
}

// TestAPollThatIsAnsweredIsNotEnded answers polls as fast as they come: each reply arrives whole, drain or not.
func TestAPollThatIsAnsweredIsNotEnded(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, closingAtOnce)
	c := g.session(t, 0, "busy")
	g.pool.Drain("b0", true)
	closing := func() bool {
		d, _ := g.proxy.DrainOf(g.owner(t, 0))
		return !d.Deadline.IsZero()
	}
	eventually(t, "sessions are being closed", closing)
	for until := time.Now().Add(time.Second); time.Now().Before(until); {
		if got := c.ask(poll("busy")); got.raw() != ok {
			t.Fatalf("a poll got %q", got.raw())
		}
	}
}

// TestUndrainEndsTheClosing calls a drain off after the first of twenty polls have been ended: the others go on waiting,
// and are answered by their backend.
func TestUndrainEndsTheClosing(t *testing.T) {
	t.Parallel()
	const sessions = 20
	g := startProxy(t, 1, func(cfg *proxy.Config) {
		closingAtOnce(cfg)
		cfg.DrainRate = 10
	})
	came, speak := make(chan message, sessions), make(chan struct{})
	g.backend(0).serve(hanging(came, speak))
	var clients []*client
	for i := range sessions {
		sid := "s" + decimal(i)
		g.backend(0).sid.Store(sid)
		g.dial(t).ask(handshake4)
		c := g.dial(t)
		c.send(poll(sid))
		<-came
		clients = append(clients, c)
	}
	g.pool.Drain("b0", true)
	eventually(t, "some are closed", func() bool { return g.proxy.Stats().Retired >= 3 })
	g.pool.Drain("b0", false)
	if _, draining := g.proxy.DrainOf(g.owner(t, 0)); draining {
		t.Error("it still drains")
	}
	close(speak)
	got := map[string]int64{}
	for _, c := range clients {
		m := c.reply()
		got[m.raw()]++
	}
	if got[denied] < 3 || got[ok] < sessions/2 || got[denied]+got[ok] != sessions {
		t.Errorf("the clients got %v", got)
	}
	eventually(t, "those that were closed are counted", func() bool { return g.proxy.Stats().Retired == got[denied] })
	if got := g.dial(t).ask(handshake4); !strings.HasPrefix(got.body, "0{") {
		t.Errorf("a new session: %q", got.raw())
	}
}

// TestTheDeadlineEndsEverything drains a backend that is never quiet on its tunnel, and that never answers a POST.
func TestTheDeadlineEndsEverything(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, func(cfg *proxy.Config) {
		closingAtOnce(cfg)
		cfg.WithDrainGrace(700 * time.Millisecond)
	})
	c, b := g.tunnel(t)
	chatter := make(chan struct{})
	go func() {
		defer close(chatter)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for over := b.hungUp(); ; <-tick.C {
			select {
			case <-over:
				return
			default:
				b.send("x")
			}
		}
	}()
	slow := g.waitAt(t, 0, "slow", "POST "+pollTarget+"SID HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n4")
	g.pool.Drain("b0", true)
	if got := slow.reply(); got.raw() != denied {
		t.Errorf("the POST got %q", got.raw())
	}
	if got := c.rest(); strings.Trim(got, "x") != "" {
		t.Errorf("the tunnel's client got %q", got)
	}
	c.Close()
	<-chatter
	eventually(t, "nothing is left", func() bool {
		d, _ := g.proxy.DrainOf(g.owner(t, 0))
		return d.Done
	})
	if !strings.Contains(g.log.String(), "drain deadline") {
		t.Error("it ended before its deadline")
	}
}

// TestSessionsStayUntilTheTimeoutHasPassed drains a backend whose sessions may stay, until somebody says now.
func TestSessionsStayUntilTheTimeoutHasPassed(t *testing.T) {
	t.Parallel()
	for name, timeout := range map[string]time.Duration{"for five minutes": 0, "for ever": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, func(cfg *proxy.Config) {
				closingAtOnce(cfg)
				cfg.DrainTimeout = timeout
			})
			c := g.waitAt(t, 0, "stays", poll("SID"))
			if g.proxy.CloseNow(g.owner(t, 0)) {
				t.Error("a backend that does not drain says that its sessions are being closed")
			}
			g.pool.Drain("b0", true)
			var d proxy.Drain
			var draining bool
			eventually(t, "the poll is counted", func() bool {
				d, draining = g.proxy.DrainOf(g.owner(t, 0))
				return d.Polls == 1
			})
			if !draining || d.Closes.IsZero() != (timeout < 0) || !d.Deadline.IsZero() {
				t.Errorf("%+v, %v", d, draining)
			}
			if !g.proxy.CloseNow(g.owner(t, 0)) {
				t.Error("it is said not to drain")
			}
			if got := c.reply(); got.raw() != denied {
				t.Errorf("the poll got %q", got.raw())
			}
			g.awaitDrained(t, 0, 1)
		})
	}
}

// TestAVanishedBackendDrains takes a backend out of the configuration: its poll is ended as the operator's drain ends it.
func TestAVanishedBackendDrains(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 2, closingAtOnce)
	c := g.waitAt(t, 0, "left", "GET "+pollTarget+"SID"+asked+browser+"\r\n")
	if err := g.pool.Set([]routing.BackendConfig{{ID: "b1", URL: g.backend(1).url()}}); err != nil {
		t.Fatal(err)
	}
	if got := c.reply(); got.raw() != ended {
		t.Errorf("the poll got %q", got.raw())
	}
	g.awaitDrained(t, 0, 1)
}
