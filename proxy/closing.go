package proxy

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
	"github.com/holdfast-proxy/holdfast/routing"
)

const (
	// closingQuiet is for how long a poll must have waited, and a tunnel's backend have been silent, before the session is
	// closed: clients of versions 2 and 3 that lose the connection between a binary event and its attachment never come back.
	closingQuiet = 250 * time.Millisecond
	// closingIdle is for how long nothing of a session must have been open: a client that is about to poll again is better
	// told by the end of that poll.
	closingIdle = 3 * time.Second
	// closingScan is how often the table is looked through for such sessions, at most: a large one takes no more than a
	// twentieth of the time.
	closingScan = 3 * time.Second
)

// closing ends the sessions of one backend bit by bit: first those that have nothing open, then waiting polls and tunnels,
// the longest idle of each first. It is for one goroutine.
type closing struct {
	p       *Proxy
	backend *routing.Backend

	idle    []idleSession // the longest idle first
	scanAt  time.Time     // when they are looked for next
	polls   []quietPoll
	looked  time.Time // when they were looked for
	tunnels *relay.Drainer
	turn    bool // polls go before tunnels this time
}

// idleSession is a session with nothing open.
type idleSession struct {
	sid  string
	used time.Time
}

func newClosing(p *Proxy, b *routing.Backend) *closing {
	return &closing{p: p, backend: b, tunnels: p.relay.NewDrainer(relay.DrainOptions{Group: b, Quiet: closingQuiet})}
}

// some ends up to n sessions, and returns how many.
func (c *closing) some(n int, now time.Time) (ended int) {
	c.find(now)
	c.turn = !c.turn
	ended = c.endIdle(n)
	if c.turn {
		ended += c.endPolls(n - ended)
	}
	ended += c.tunnels.End(n - ended)
	return ended + c.endPolls(n-ended)
}

// find looks for sessions to end, every now and then.
func (c *closing) find(now time.Time) {
	if u, ok := c.p.upstreams.Load(c.backend); ok && now.Sub(c.looked) >= closingQuiet {
		c.looked, c.polls = now, u.(*upstream).quietPolls()
		slices.SortFunc(c.polls, func(a, b quietPoll) int { return cmp.Compare(b.looks, a.looks) })
	}
	if !now.Before(c.scanAt) {
		c.scan(now)
		c.scanAt = now.Add(max(closingScan, 20*time.Since(now)))
	}
}

// scan looks for sessions with nothing open. Those whose client has left already are no loss to anybody: they are ended
// at once.
func (c *closing) scan(now time.Time) {
	c.idle = c.idle[:0]
	for sid, e := range c.p.cfg.Sessions.Of(c.backend) {
		switch {
		case e.Polls+e.Tunnels > 0 || now.Sub(e.Used) < closingIdle:
		case e.Counted:
			c.idle = append(c.idle, idleSession{sid, e.Used})
		default:
			c.p.cfg.Sessions.Retire(sid, buriedFor)
		}
	}
	slices.SortFunc(c.idle, func(a, b idleSession) int { return a.used.Compare(b.used) })
}

func (c *closing) endIdle(n int) (ended int) {
	for ended < n && len(c.idle) > 0 {
		if c.p.cfg.Sessions.Retire(c.idle[0].sid, buriedFor) {
			ended++
		}
		c.idle = c.idle[1:]
	}
	return ended
}

func (c *closing) endPolls(n int) (ended int) {
	for ended < n && len(c.polls) > 0 {
		if c.polls[0].on.endPoll() {
			ended++
		}
		c.polls = c.polls[1:]
	}
	return ended
}

// all ends at once whatever is left at the backend, and returns how many sessions that were.
func (c *closing) all() int {
	left := c.backend.Sessions()
	c.p.End(c.backend)
	for sid := range c.p.cfg.Sessions.Of(c.backend) {
		if !c.p.cfg.Sessions.Retire(sid, buriedFor) {
			c.p.cfg.Sessions.Bury(sid, buriedFor)
		}
	}
	return int(left)
}
