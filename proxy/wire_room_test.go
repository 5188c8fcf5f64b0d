package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
)

const (
	fromPageHandshake = "GET " + handshakeTarget + asked + fromPage + "\r\n"
	webSocketOnly     = "GET /socket.io/?EIO=4&transport=websocket" + asked + upgradeFields + "\r\n"
	leaveTaking       = "POST " + pollTarget + "first" + asked + "Content-Length: 1\r\n\r\n1"
	comeBackLater     = "Retry-After: 5\r\n"
)

// startFull starts a proxy whose only backend may hold one session, which it does: its sid is "first".
func startFull(t *testing.T, change func(*proxy.Config)) (*rig, *client) {
	t.Helper()
	g := startProxy(t, 1, change)
	if err := g.pool.Set([]routing.BackendConfig{{ID: "b0", URL: g.backend(0).url(), MaxSessions: 1}}); err != nil {
		t.Fatal(err)
	}
	return g, g.session(t, 0, "first")
}

// waits waits until n handshakes wait.
func (g *rig) waits(t *testing.T, n int) {
	t.Helper()
	eventually(t, "that many handshakes wait", func() bool { return g.proxy.Stats().HandshakesWaiting == n })
}

// TestOverload has as many sessions as the only backend may have, and nobody may wait: the next one is refused, those that
// live are not.
func TestOverload(t *testing.T) {
	t.Parallel()
	g, c := startFull(t, func(cfg *proxy.Config) { cfg.HandshakeWait = -1 })
	const full = "all backends are at their limit\n"
	for request, want := range map[string]string{
		handshake4:        said("503 Service Unavailable", asText, full, comeBackLater),
		fromPageHandshake: said("503 Service Unavailable", asText, full, comeBackLater+cors),
	} {
		if got := c.ask(request); got.raw() != want {
			t.Errorf("%q got %q, want %q", request, got.raw(), want)
		}
	}
	for _, request := range []string{poll("first"), plainGet} {
		if got := c.ask(request); got.raw() != ok {
			t.Errorf("%.40q got %q", request, got.raw())
		}
	}
	if got := g.dial(t).ask(webSocketOnly); got.raw() != said("503 Service Unavailable", asText, full, comeBackLater+closes) {
		t.Errorf("an upgrade got %q", got.raw())
	}
}

// TestAHandshakeWaitsForAPlace has two clients, one of which will do without polling, wait until the only backend has a
// place. Whoever has a session, or wants none, does not wait behind them.
func TestAHandshakeWaitsForAPlace(t *testing.T) {
	t.Parallel()
	g, c := startFull(t, func(cfg *proxy.Config) { cfg.AccessLog, cfg.HandshakeWait = true, patience })
	g.backend(0).sid.Store("second")
	polling, socket := g.dial(t), g.dial(t)
	polling.send(handshake4)
	g.waits(t, 1)
	socket.send(webSocketOnly)
	g.waits(t, 2)
	for _, request := range []string{poll("first"), plainGet} {
		if got := c.ask(request); got.raw() != ok {
			t.Errorf("%.40q got %q", request, got.raw())
		}
	}
	c.ask(leaveTaking)
	if got := polling.reply(); !strings.Contains(got.body, `"sid":"second"`) {
		t.Errorf("the first that waited got %q", got.raw())
	}
	g.waits(t, 1)
	g.backend(0).serve(answeringOnce(switching)) // on new connections
	for _, conn := range g.backend(0).all() {
		conn.Close()
	}
	g.dial(t).ask(strings.ReplaceAll(leaveTaking, "first", "second"))
	if got := socket.reply(); got.status() != 101 {
		t.Errorf("the second that waited got %q", got.raw())
	}
	stats := g.proxy.Stats()
	if stats.HandshakesWaited != 2 || stats.HandshakeWait <= 0 || stats.HandshakesFull+stats.HandshakesLate > 0 {
		t.Errorf("counts are %+v", stats)
	}
	waited := 0
	for line := range strings.Lines(g.log.String()) {
		if strings.Contains(line, "waited=") && !strings.Contains(line, "waited=0s") {
			waited++
		}
	}
	if waited == 0 {
		t.Errorf("the access log does not tell that a handshake has waited:\n%s", g.log.String())
	}
}

// TestHandshakesAreBounded has one handshake wait until its time is over, and another find that too many wait.
func TestHandshakesAreBounded(t *testing.T) {
	t.Parallel()
	g, c := startFull(t, func(cfg *proxy.Config) { cfg.HandshakeQueue, cfg.HandshakeWait = 1, time.Second })
	late := g.dial(t)
	late.send(handshake4)
	g.waits(t, 1)
	full := said("503 Service Unavailable", asText, "all backends are at their limit\n", comeBackLater)
	for name, got := range map[string]message{"who came too late": c.ask(handshake4), "who waited for too long": late.reply()} {
		if got.raw() != full {
			t.Errorf("%s got %q, want %q", name, got.raw(), full)
		}
	}
	if s := g.proxy.Stats(); s.HandshakesFull != 1 || s.HandshakesLate != 1 || s.HandshakesWaited != 1 {
		t.Errorf("counts are %+v", s)
	}
}

// TestHandshakesArePaced sends twenty at once, of which one a second may pass, and polls of a live session among them.
func TestHandshakesArePaced(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.HandshakeRate, cfg.HandshakeBurst, cfg.HandshakeWait = 1, 1, -1 })
	c := g.session(t, 0, "first")
	c.send(strings.Repeat(fromPageHandshake+poll("first"), 20))
	crowded := said("503 Service Unavailable", asText, "too many clients are connecting\n", comeBackLater+cors)
	refused := 0
	for range 20 {
		if got := c.reply(); got.raw() == crowded {
			refused++
		} else if got.status() != 200 {
			t.Errorf("a handshake got %q", got.raw())
		}
		if got := c.reply(); got.raw() != ok {
			t.Errorf("a poll of a live session got %q", got.raw())
		}
	}
	if n := g.backend(0).count(handshakeTarget); refused == 0 || n+refused != 21 {
		t.Errorf("%d handshakes were refused and %d reached the backend, want some and the others", refused, n)
	}
}

// TestAWaitingClientThatLeavesGivesItsPlaceBack fills the queue of one, and empties it by leaving.
func TestAWaitingClientThatLeavesGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	g, c := startFull(t, func(cfg *proxy.Config) { cfg.HandshakeQueue, cfg.HandshakeWait = 1, patience })
	for _, leave := range []func(*client){func(c *client) { c.Close() }, func(c *client) { c.reset() }} {
		gone := g.dial(t)
		gone.send(handshake4)
		g.waits(t, 1)
		if got := c.ask(handshake4); got.status() != 503 {
			t.Errorf("one too many got %q", got.raw())
		}
		leave(gone)
		g.waits(t, 0)
	}
	g.backend(0).sid.Store("second")
	next := g.dial(t)
	next.send(handshake4)
	g.waits(t, 1)
	c.ask(leaveTaking)
	if got := next.reply(); !strings.Contains(got.body, `"sid":"second"`) {
		t.Errorf("the next that waited got %q", got.raw())
	}
	if n := g.backend(0).count(handshakeTarget); n != 2 {
		t.Errorf("the backend got %d handshakes, want 2: none of those who left", n)
	}
}

// TestAWaitingHandshakeGoesToTheBackup has the only ordinary backend die while a handshake waits for a place there.
func TestAWaitingHandshakeGoesToTheBackup(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 2, func(cfg *proxy.Config) { cfg.HandshakeWait = patience })
	members := []routing.BackendConfig{
		{ID: "b0", URL: g.backend(0).url(), MaxSessions: 1}, {ID: "b1", URL: g.backend(1).url(), Backup: true},
	}
	if err := g.pool.Set(members); err != nil {
		t.Fatal(err)
	}
	g.session(t, 0, "first")
	g.backend(1).sid.Store("second")
	g.backend(1).serve(opening)
	c := g.dial(t)
	c.send(handshake4)
	g.waits(t, 1)
	if g.backend(1).dialled() > 0 {
		t.Error("the backup got something while the ordinary backend was up")
	}
	g.pool.SetState("b0", routing.Down)
	if got := c.reply(); !strings.Contains(got.body, `"sid":"second"`) {
		t.Errorf("who waited got %q", got.raw())
	}
}

// TestAWaitingHandshakeHearsOfTheEnd shuts the proxy down while a handshake waits.
func TestAWaitingHandshakeHearsOfTheEnd(t *testing.T) {
	t.Parallel()
	g, _ := startFull(t, func(cfg *proxy.Config) { cfg.HandshakeWait = patience })
	c := g.dial(t)
	c.send(handshake4)
	g.waits(t, 1)
	g.end(t)
	if got := c.reply(); got.status() != 503 || !c.lastCloses {
		t.Errorf("got %q, want 503 and the connection's end", got.raw())
	}
}
