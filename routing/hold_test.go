package routing_test

import (
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// TestCounts lives through one session's ways at the only backend "a", step by step. Each step is what happens and the
// counts after it.
func TestCounts(t *testing.T) {
	type step struct {
		what string
		do   func(l *lifetime)
		want counts
	}
	for name, steps := range map[string][]step{
		"a handshake becomes a session without a gap": {
			{"handshake sent", (*lifetime).open, counts{1, 1}},
			{"handshake answered", (*lifetime).learn, counts{1, 1}},
			{"reply delivered", (*lifetime).release, counts{1, 0}},
			{"poll opened", (*lifetime).poll, counts{1, 1}},
			{"poll answered", (*lifetime).release, counts{1, 0}},
			{"long silence", (*lifetime).expire, counts{0, 0}},
		},
		"a handshake that fails leaves nothing": {
			{"handshake sent", (*lifetime).open, counts{1, 1}},
			{"dial refused", (*lifetime).release, counts{0, 0}},
			{"released twice by mistake", (*lifetime).release, counts{0, 0}},
		},
		"plain HTTP is in flight only": {
			{"request sent", (*lifetime).fetch, counts{0, 1}},
			{"reply delivered", (*lifetime).release, counts{0, 0}},
		},
		"a WebSocket-only session counts while it is open": {
			{"upgrade sent", (*lifetime).openWebSocket, counts{1, 1}},
			{"long silence", (*lifetime).expire, counts{1, 1}},
			{"tunnel closed", (*lifetime).release, counts{0, 0}},
		},
		"an upgraded session counts once, and ends with its tunnel": {
			{"session known", (*lifetime).known, counts{1, 0}},
			{"poll opened", (*lifetime).poll, counts{1, 1}},
			{"upgrade sent", (*lifetime).upgrade, counts{1, 2}},
			{"poll answered", (*lifetime).releaseFirst, counts{1, 1}},
			{"long silence", (*lifetime).expire, counts{1, 1}},
			{"tunnel closed", (*lifetime).release, counts{0, 0}},
		},
		"a session that polls on after its tunnel counts again": {
			{"session known", (*lifetime).known, counts{1, 0}},
			{"upgrade sent", (*lifetime).upgrade, counts{1, 1}},
			{"upgrade failed", (*lifetime).release, counts{0, 0}},
			{"poll opened", (*lifetime).poll, counts{1, 1}},
			{"poll answered", (*lifetime).release, counts{1, 0}},
		},
		"a session whose upgrade fails beside an open poll never stops counting": {
			{"session known", (*lifetime).known, counts{1, 0}},
			{"poll opened", (*lifetime).poll, counts{1, 1}},
			{"upgrade sent", (*lifetime).upgrade, counts{1, 2}},
			{"upgrade failed", (*lifetime).release, counts{1, 1}},
			{"poll answered", (*lifetime).release, counts{1, 0}},
		},
		"a client that takes leave stops counting when its open poll has ended": {
			{"session known", (*lifetime).known, counts{1, 0}},
			{"poll opened", (*lifetime).poll, counts{1, 1}},
			{"close packet posted", (*lifetime).poll, counts{1, 2}},
			{"leave taken", (*lifetime).leave, counts{1, 2}},
			{"close packet answered", (*lifetime).release, counts{1, 1}},
			{"poll answered", (*lifetime).release, counts{0, 0}},
			{"long silence", (*lifetime).expire, counts{0, 0}},
		},
		"a session that goes on after its client dropped a poll counts again": {
			{"session known", (*lifetime).known, counts{1, 0}},
			{"poll opened", (*lifetime).poll, counts{1, 1}},
			{"leave taken", (*lifetime).leave, counts{1, 1}},
			{"poll dropped", (*lifetime).release, counts{0, 0}},
			{"another poll", (*lifetime).poll, counts{1, 1}},
			{"answered", (*lifetime).release, counts{1, 0}},
		},
		"a session that is forgotten stops counting, its open poll does not": {
			{"session known", (*lifetime).known, counts{1, 0}},
			{"poll opened", (*lifetime).poll, counts{1, 1}},
			{"forgotten", (*lifetime).forget, counts{0, 1}},
			{"poll answered", (*lifetime).release, counts{0, 0}},
		},
		"a sid that is given out again is one session": {
			{"session known", (*lifetime).known, counts{1, 0}},
			{"tunnel open", (*lifetime).upgrade, counts{1, 1}},
			{"another handshake sent", (*lifetime).open, counts{2, 2}},
			{"answered with the same sid", (*lifetime).learn, counts{1, 2}},
			{"its reply delivered", (*lifetime).release, counts{1, 1}},
			{"old tunnel closed", (*lifetime).release, counts{1, 0}},
			{"long silence", (*lifetime).expire, counts{0, 0}},
		},
		"a handshake learned twice is one session": {
			{"handshake sent", (*lifetime).open, counts{1, 1}},
			{"answered", (*lifetime).learn, counts{1, 1}},
			{"learned again", (*lifetime).learn, counts{1, 1}},
			{"reply delivered", (*lifetime).release, counts{1, 0}},
		},
		"a session found by a search counts": {
			{"request sent in search", (*lifetime).seek, counts{0, 1}},
			{"proven", (*lifetime).found, counts{1, 1}},
			{"search over", (*lifetime).release, counts{1, 0}},
			{"found again", (*lifetime).found, counts{1, 0}},
		},
		"a preflight is in flight and no more": {
			{"session known", (*lifetime).known, counts{1, 0}},
			{"preflight sent", (*lifetime).preflight, counts{1, 1}},
			{"answered", (*lifetime).release, counts{1, 0}},
		},
		"a new process begins at zero": {
			{"session known", (*lifetime).known, counts{1, 0}},
			{"poll opened", (*lifetime).poll, counts{1, 1}},
			{"backend down", (*lifetime).down, counts{0, 0}},
			{"poll ended", (*lifetime).release, counts{0, 0}},
			{"backend up", (*lifetime).up, counts{0, 0}},
			{"handshake sent", (*lifetime).open, counts{1, 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lifetime{gateway: newGateway(t, routing.Config{}, named("a")...)}
			for _, s := range steps {
				s.do(l)
				l.count("a", s.want, s.what)
			}
		})
	}
}

// lifetime is the life of sid "s", and the Holds that are open in it.
type lifetime struct {
	*gateway
	holds []routing.Hold
}

func (l *lifetime) hold(req routing.Request) { l.holds = append(l.holds, l.route(req).Hold) }
func (l *lifetime) last() *routing.Hold      { return &l.holds[len(l.holds)-1] }

func (l *lifetime) open()          { l.hold(routing.Request{Opens: true}) }
func (l *lifetime) openWebSocket() { l.hold(routing.Request{Opens: true, Upgrade: true}) }
func (l *lifetime) fetch()         { l.hold(routing.Request{}) }
func (l *lifetime) poll()          { l.hold(routing.Request{SID: "s"}) }
func (l *lifetime) upgrade()       { l.hold(routing.Request{SID: "s", Upgrade: true}) }
func (l *lifetime) preflight()     { l.hold(routing.Request{SID: "s", Passive: true}) }
func (l *lifetime) seek()          { l.holds = append(l.holds, l.backend("a").Hold()) }
func (l *lifetime) known()         { l.handshake("s") }
func (l *lifetime) learn()         { l.last().Learn("s", 45*time.Second) }
func (l *lifetime) found()         { l.sessions.Learn("s", l.backend("a"), 0, routing.BySearch) }
func (l *lifetime) forget()        { l.sessions.Forget("s") }
func (l *lifetime) leave()         { l.last().Leave() }
func (l *lifetime) down()          { l.pool.SetState("a", routing.Down) }
func (l *lifetime) up()            { l.pool.SetState("a", routing.Up) }

// release releases the youngest Hold; the last one stays to be released again.
func (l *lifetime) release() {
	l.last().Release()
	if len(l.holds) > 1 {
		l.holds = l.holds[:len(l.holds)-1]
	}
}

func (l *lifetime) releaseFirst() {
	l.holds[0].Release()
	l.holds = l.holds[1:]
}

// expire lets more time pass than any session lives without a request.
func (l *lifetime) expire() {
	l.clock.advance(10 * time.Minute)
	l.sessions.Sweep(100)
}

func TestASessionThatMovesLeavesItsOldBackendsCount(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a", "b")...)
	g.sessions.Learn("s", g.backend("a"), 0, routing.ByHandshake)
	poll := g.route(routing.Request{SID: "s"}).Hold
	g.sessions.Learn("s", g.backend("b"), 0, routing.ByHandshake)
	g.count("a", counts{0, 1}, "moved")
	g.count("b", counts{1, 0}, "moved")
	poll.Release()
	g.count("a", counts{0, 0}, "the old backend's poll is over")
	g.count("b", counts{1, 0}, "the old backend's poll is over")
	if held := g.sessions.Stats().Held; held != 0 {
		t.Errorf("%d sessions are held, want none", held)
	}
}

func TestTheZeroHoldHoldsNothing(t *testing.T) {
	var h routing.Hold
	if h.Learn("s", 0) {
		t.Error("a Hold of nothing has learned a session")
	}
	h.Release()
}

func TestAHoldLearnsOnlyWhereSIDsPin(t *testing.T) {
	g := newGateway(t, routing.Config{Affinity: []routing.Affinity{routing.AffinityIP}}, named("a")...)
	d := g.route(routing.Request{Opens: true})
	if d.Hold.Learn("1", 0) {
		t.Error("a sid was pinned without affinity sid")
	}
	g.count("a", counts{1, 1}, "not learned")
	d.Hold.Release()
	g.count("a", counts{}, "released")
}
