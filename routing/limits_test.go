package routing_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/holdfast-proxy/holdfast/routing"
)

// inBorrowedMemory calls fn with a string whose memory is written over afterwards, as a carrier's buffers are.
func inBorrowedMemory(s string, fn func(string)) {
	buf := []byte(s)
	fn(unsafe.String(&buf[0], len(buf)))
	clear(buf)
}

func TestAMillionSessionsTakeAtMost200BytesEach(t *testing.T) {
	const n, most = 1_000_000, 200
	g := newGateway(t, routing.Config{}, many(3)...)
	before := heap()
	sids := g.learnMany(n)
	table := heap() - before
	own := uint64(n * (16 + 24)) // the test's own list: a string header and its bytes each
	each := float64(table-own) / n
	t.Logf("%.0f bytes a session", each)
	if st := g.sessions.Stats(); st.Proven != n {
		t.Errorf("%d of %d sessions are pinned", st.Proven, n)
	}
	if each > most {
		t.Errorf("%.0f bytes a session, want at most %d", each, most)
	}
	runtime.KeepAlive(sids)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestRouteAllocatesNothing(t *testing.T) {
	for _, how := range []routing.Balance{routing.LeastSessions, routing.RoundRobin, routing.Random, routing.Hash} {
		g := newGateway(t, routing.Config{Affinity: everyAffinity, Balance: how, SIDTag: true}, many(3)...)
		g.handshake("s")
		g.poll("s")
		token, ip := g.backend("b1").Token(), netip.MustParseAddr("2001:db8::1")
		tried := g.pool.Snapshot().Backends()[:1]
		for name, req := range map[string]routing.Request{
			"a known sid":           {SID: "s"},
			"an upgrade":            {SID: "s", Upgrade: true},
			"a tagged sid":          {SID: routing.TagSID("x", token)},
			"a preflight":           {SID: "x", Passive: true},
			"an unknown sid, by ip": {SID: "x", ClientIP: ip},
			"an unknown sid":        {SID: "x"},
			"a cookie":              {Cookie: token, Opens: true},
			"a key":                 {Key: "room-1", Opens: true},
			"an address":            {ClientIP: ip, Opens: true},
			"a new session":         {Opens: true},
			"a page":                {},
		} {
			n := testing.AllocsPerRun(100, func() {
				d, _ := g.router.Route(req)
				d.Hold.Release()
				d, _ = g.router.RouteExcept(req, tried)
				d.Hold.Release()
			})
			if n != 0 {
				t.Errorf("%v, %s: %v allocations, want none", how, name, n)
			}
		}
		buf := make([]*routing.Backend, 3)
		if n := testing.AllocsPerRun(100, func() {
			g.pool.Snapshot().SeekOrder(buf, routing.Request{Cookie: token, Key: "room-1", ClientIP: ip})
		}); n != 0 {
			t.Errorf("%v: SeekOrder allocates %v times, want none", how, n)
		}
	}
}

// TestAMillionHandshakesThatNeverComeBackHurtNobody fills the table of the default size with sessions that live, held and
// proven, and then has a million handshakes pass whose clients are never seen again.
func TestAMillionHandshakesThatNeverComeBackHurtNobody(t *testing.T) {
	const limit, live, flood = 1_000_000, 1000, 1_000_000
	g := newSmallGateway(t, limit, routing.Config{}, many(3)...)
	before := heap()
	var held []routing.Hold
	for i := range live {
		proven, waiting := fmt.Sprintf("proven-%014d", i), fmt.Sprintf("waiting-%013d", i)
		g.handshake(proven)
		g.handshake(waiting)
		g.poll(proven)
		held = append(held, g.route(routing.Request{SID: waiting}).Hold)
	}
	for i := range flood {
		d, err := g.router.Route(routing.Request{Opens: true})
		if err != nil {
			t.Fatalf("handshake %d was refused: %v", i, err)
		}
		d.Hold.Learn(fmt.Sprintf("flood-%014d", i), 45*time.Second)
		d.Hold.Release()
	}
	if each := float64(heap()-before) / limit; each > 200 {
		t.Errorf("the table takes %.0f bytes for each sid that it may hold, want 200 at most", each)
	}
	st := g.sessions.Stats()
	if st.Held != live || st.Proven != live || st.EvictedProven != 0 || st.NotStored != 0 {
		t.Errorf("%+v, want %d held and %d proven sessions, none evicted, every handshake stored", st, live, live)
	}
	for i := range held {
		g.poll(fmt.Sprintf("proven-%014d", i))
		held[i].Release()
		g.poll(fmt.Sprintf("waiting-%013d", i))
	}
}
