package main_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"
)

// chaosSeed makes the dice of TestChaos fall as they did in an earlier run; what
// happens between two throws takes its own time all the same.
const chaosSeed = 0

// TestChaos kills, freezes and drains backends and replaces the proxy, at random,
// under clients of all kinds that talk all the time. A session ends only where its
// backend was touched or found dead, or, if it is on a WebSocket, the proxy was
// replaced; none loses a message, whether it ends or not; all clients are connected
// in the end; and when they have left, nothing of them is left in the proxy.
func TestChaos(t *testing.T) {
	t.Parallel()
	seed := uint64(chaosSeed)
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the seed was %d", seed)
		}
	})
	c := &chaos{dice: rand.New(rand.NewPCG(seed, 0)), backends: startBackends(t, "js4", 3, "--ping-interval", "2000")}
	c.proxy = startInherited(t, c.backends, endsWithin(), "--drain-rate", "200",
		"--health-interval", "500ms", "--health-timeout", "1s", "--slow-start", "3s")
	for _, b := range c.backends {
		c.proxy.waitLog(t, 30*time.Second, "backend up", fields{"backend": b.id})
	}
	before := c.proxy.remains(t)
	c.startClients(t)
	c.rage(t, inForm(6*time.Second, 5*time.Minute))
	c.calm(t)
	c.addVerdicts(t)
	c.checkEnds(t)
	for _, g := range c.groups {
		g.checkConnected(t)
	}
	c.leave(t, before)
	t.Logf("%d kills, %d freezes, %d drains, %d hand-overs", c.done["kill"], c.done["freeze"], c.done["drain"], c.done["hand-over"])
}

// endsWithin is how long a proxy that was replaced may take: longer than a poll
// waits for the next ping.
func endsWithin() time.Duration { return inForm(4*time.Second, 10*time.Second) }

// chaos is a fleet to which things happen.
type chaos struct {
	dice     *rand.Rand
	proxy    *countingProxy
	backends []*backend
	groups   []*talkers
	past     []*process // proxies that were replaced
	dead     []*process // backends that were killed
	spells   []*spell
	bag      []string // what happens next
	done     map[string]int
}

// talkers are clients of one kind that talk all the time.
type talkers struct {
	*clients
	count   int
	tunnels bool // they may be on a WebSocket
}

// spell is a time in which a backend was ill, or in which the proxy of before was ending.
type spell struct {
	of          *backend // nil: the proxy
	what        string
	from, until time.Time
	cure        func() // nil: it was
}

// startClients starts clients in all modes, and has them talk.
func (c *chaos) startClients(t *testing.T) {
	t.Helper()
	kinds := []clientsConfig{{Mode: "polling"}, {Mode: "websocket"}, {Mode: "cookie"}, {Mode: "default", Version: "2"}}
	if *long {
		kinds = append(kinds, clientsConfig{Mode: "default"}, clientsConfig{Mode: "polling", Version: "2"},
			clientsConfig{Mode: "websocket", Version: "2"}, clientsConfig{Mode: "jsonp", Version: "2"})
	}
	for _, cfg := range kinds {
		cfg.URL, cfg.Count = c.proxy.url(), inForm(10, 50)
		cfg.Args = []string{"--rounds", "1", "--sizes", "1000", "--big", "0"}
		g := &talkers{startClients(t, cfg), cfg.Count, cfg.Mode == "default" || cfg.Mode == "websocket"}
		c.groups = append(c.groups, g)
	}
	for _, g := range c.groups {
		g.summary(t)
		g.command(t, fields{"cmd": "talk", "every": inForm(300, 1700)})
	}
}

// rage has something happen again and again, and everything once at least. In the
// full form a backend is left in peace for half of the time, so that what ends then
// is seen to have no reason.
func (c *chaos) rage(t *testing.T, during time.Duration) {
	t.Helper()
	c.done = map[string]int{}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(during); time.Now().Before(end) || len(c.spells) < 6; <-tick.C {
		if c.dice.IntN(inForm(5, 40)) == 0 {
			c.strike(t)
		}
		c.heal(func(s *spell) bool { return time.Now().After(s.until) })
	}
}

// strike has the next thing of the bag happen. Of three backends one at least is
// left in peace.
func (c *chaos) strike(t *testing.T) {
	t.Helper()
	if len(c.bag) == 0 {
		c.bag = []string{"kill", "kill", "freeze", "freeze", "drain", "hand-over"}
		c.dice.Shuffle(len(c.bag), func(i, j int) { c.bag[i], c.bag[j] = c.bag[j], c.bag[i] })
	}
	b := c.backends[c.dice.IntN(len(c.backends))]
	lasts := time.Duration(c.dice.IntN(inForm(3000, 8000))) * time.Millisecond
	if ill := c.ill(); c.bag[0] != "hand-over" && (len(ill) > 1 || slices.Contains(ill, b)) {
		return
	}
	s := &spell{of: b, what: c.bag[0], from: time.Now(), until: time.Now().Add(lasts)}
	c.bag = c.bag[1:]
	c.done[s.what]++
	c.spells = append(c.spells, s)
	switch s.what {
	case "kill":
		c.dead = append(c.dead, b.process)
		b.kill(t)
		s.cure = func() { b.restart(t) }
	case "freeze":
		b.signal(t, syscall.SIGSTOP)
		s.cure = func() { b.signal(t, syscall.SIGCONT) }
	case "drain":
		c.proxy.order(t, b, "drain?now=true")
		s.cure = func() { c.proxy.order(t, b, "undrain") }
	case "hand-over": // the one before ends its tunnels in its own time
		s.of, s.until = nil, s.from.Add(endsWithin())
		c.past = append(c.past, c.proxy.succeed(t))
	}
}

func (c *chaos) ill() (list []*backend) {
	for _, s := range c.spells {
		if s.cure != nil {
			list = append(list, s.of)
		}
	}
	return list
}

// heal ends the spells that are due.
func (c *chaos) heal(due func(*spell) bool) {
	for _, s := range c.spells {
		if s.cure != nil && due(s) {
			s.cure()
			s.cure, s.until = nil, time.Now()
		}
	}
}

// calm heals everybody, and waits until nothing is ending any more.
func (c *chaos) calm(t *testing.T) {
	t.Helper()
	c.heal(func(*spell) bool { return true })
	for _, p := range c.past {
		if code := p.waitExit(t, 30*time.Second); code != 0 {
			t.Errorf("%s: exit code %d after its hand-over, want 0", p.name, code)
		}
	}
	for _, b := range c.backends {
		c.proxy.awaitState(t, b, "up")
	}
	for _, g := range c.groups {
		g.command(t, fields{"cmd": "talk", "every": 0})
	}
}

// order gives the proxy an order about a backend.
func (p *countingProxy) order(t *testing.T, b *backend, what string) {
	t.Helper()
	res, err := anyAddress.Post(fmt.Sprintf("http://%s/backends/%s/%s", p.admin, b.id, what), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("%s of %s: status %d", what, b.id, res.StatusCode)
	}
}
