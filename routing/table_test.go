package routing_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// plainTable says in slices what the table of sessions must do while its clock stands still. Its lists begin with the
// oldest session.
type plainTable struct {
	limit            int
	unproven, proven []*plainSession
	buried           map[string]bool
}

type plainSession struct {
	sid  string
	open int
}

func (p *plainTable) find(sid string) *plainSession {
	for _, s := range slices.Concat(p.unproven, p.proven) {
		if s.sid == sid {
			return s
		}
	}
	return nil
}

func (p *plainTable) remove(s *plainSession) {
	other := func(o *plainSession) bool { return o == s }
	p.unproven, p.proven = slices.DeleteFunc(p.unproven, other), slices.DeleteFunc(p.proven, other)
}

func (p *plainTable) learn(sid string) bool {
	if old := p.find(sid); old != nil {
		p.remove(old)
	}
	delete(p.buried, sid)
	if full := len(p.unproven)+len(p.proven) >= p.limit; full && len(p.unproven) > 0 {
		p.unproven = p.unproven[1:]
	} else if full && !p.evictProven() {
		return false
	}
	p.unproven = append(p.unproven, &plainSession{sid: sid})
	return true
}

func (p *plainTable) evictProven() bool {
	for range 32 {
		oldest := p.proven[0]
		p.proven = p.proven[1:]
		if oldest.open == 0 {
			return true
		}
		p.proven = append(p.proven, oldest)
	}
	return false
}

func (p *plainTable) open(sid string) *plainSession {
	s := p.find(sid)
	if s == nil {
		return nil
	}
	s.open++
	if i := slices.Index(p.unproven, s); i >= 0 {
		p.unproven = slices.Delete(p.unproven, i, i+1)
		p.proven = append(p.proven, s)
		if len(p.proven) > p.limit-p.limit/8 {
			p.evictProven()
		}
	}
	return s
}

// openHold is a Hold and the session that the plain table has for it.
type openHold struct {
	routing.Hold
	on *plainSession
}

// FuzzTable has the table and a plain one do the same things, as pairs of bytes say, and compares them after each.
func FuzzTable(f *testing.F) {
	for i := range uint64(20) {
		r := rand.New(rand.NewPCG(i, 2))
		steps := make([]byte, 600)
		for i := range steps {
			steps[i] = byte(r.Uint32())
		}
		f.Add(steps)
	}
	inUse := []byte{0, 0, 3, 0} // the oldest session is held while others come and go
	for i := range byte(12) {
		inUse = append(inUse, 0, i+1, 3, i+1, 13, 0)
	}
	f.Add(inUse)
	f.Fuzz(func(t *testing.T, steps []byte) {
		g := newSmallGateway(t, 8, routing.Config{}, named("a")...)
		p := &plainTable{limit: 8, buried: map[string]bool{}}
		var held []openHold
		steps = steps[:min(len(steps), 1000)]
		for ; len(steps) >= 2 && !t.Failed(); steps = steps[2:] {
			held = g.doBoth(p, held, steps[0], fmt.Sprint("sid-", steps[1]%16))
			g.compare(p, len(held))
		}
		for _, h := range held {
			h.Release()
		}
		g.clock.advance(time.Hour)
		g.sessions.Sweep(1000)
		g.count("a", counts{}, "when all is over")
	})
}

// doBoth does one thing to both tables and returns which holds are open then.
func (g *gateway) doBoth(p *plainTable, held []openHold, what byte, sid string) []openHold {
	switch what % 8 {
	case 0, 1, 2:
		if got, want := g.sessions.Learn(sid, g.backend("a"), 0, routing.ByHandshake), p.learn(sid); got != want {
			g.Errorf("Learn(%s): %v, want %v", sid, got, want)
		}
	case 3, 4:
		d, err := g.router.Route(routing.Request{SID: sid, Upgrade: what&8 != 0})
		s := p.open(sid)
		if (err == nil) != (s != nil) || (err == routing.ErrGone) != p.buried[sid] {
			g.Errorf("Route(%s): error %v, want pinned %v, buried %v", sid, err, s != nil, p.buried[sid])
		} else if s != nil {
			held = append(held, openHold{d.Hold, s})
		}
	case 5, 6:
		if len(held) > 0 {
			at := int(what/8) % len(held)
			held[at].Release()
			held[at].on.open--
			held = slices.Delete(held, at, at+1)
		}
	default:
		g.sessions.Forget(sid)
		if s := p.find(sid); s != nil {
			p.remove(s)
		}
		if what&8 != 0 && len(p.buried) == 0 { // a second one would be forgotten
			g.sessions.Bury(sid, time.Minute)
			p.buried[sid] = true
		}
	}
	return held
}

// compare compares what can be seen of both tables.
func (g *gateway) compare(p *plainTable, open int) {
	g.Helper()
	var got, want []string
	for sid, e := range g.sessions.All() {
		got = append(got, fmt.Sprint(sid, e.Proven, e.Polls+e.Tunnels))
	}
	inUse := 0
	for i, list := range [][]*plainSession{p.unproven, p.proven} {
		for _, s := range list {
			want = append(want, fmt.Sprint(s.sid, i == 1, s.open))
			inUse += min(s.open, 1)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		g.Errorf("the table has %q, want %q", got, want)
	}
	if st := g.sessions.Stats(); st.Held != inUse || st.Unproven != len(p.unproven) {
		g.Errorf("%+v, want %d held and %d unproven", st, inUse, len(p.unproven))
	}
	if n := g.backend("a").InFlight(); n != int64(open) {
		g.Errorf("%d in flight, want %d", n, open)
	}
}
