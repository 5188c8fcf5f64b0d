package routing_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing"
)

var everyAffinity = []routing.Affinity{
	routing.AffinitySID, routing.AffinityCookie, routing.AffinityKey, routing.AffinityIP,
}

// TestPlace sends requests without a sid. Among "a", "b" and "c", rendezvous puts key "room-2" on "c" and ip 192.0.2.4 on
// "a"; load says how many sessions each backend has.
func TestPlace(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.4")
	for name, c := range map[string]struct {
		config   routing.Config
		backends []routing.BackendConfig
		load     map[string]int
		do       func(g *gateway)
		req      routing.Request
		plain    bool // HTTP that opens no session
		want     want
	}{
		"a new session goes where the fewest are": {
			load: map[string]int{"a": 2, "b": 1, "c": 2},
			want: want{backend: "b", pin: routing.PinNew},
		},
		"a cookie brings a client back": {
			load: map[string]int{"a": 10, "b": 10, "c": 9},
			req:  routing.Request{Cookie: "token of a"},
			want: want{backend: "a", pin: routing.PinCookie},
		},
		"a cookie does not fill a backend above 1.25 times the mean": {
			load: map[string]int{"a": 15, "b": 10, "c": 9},
			req:  routing.Request{Cookie: "token of a"},
			want: want{backend: "c", pin: routing.PinNew},
		},
		"a cookie may bring more sessions to a backend of more weight": {
			backends: weighted(map[string]int{"a": 3, "b": 1, "c": 1}),
			load:     map[string]int{"a": 30, "b": 10, "c": 9},
			req:      routing.Request{Cookie: "token of a"},
			want:     want{backend: "a", pin: routing.PinCookie},
		},
		"a cookie does not fill a backend of more weight without bound": {
			backends: weighted(map[string]int{"a": 3, "b": 1, "c": 1}),
			load:     map[string]int{"a": 60, "b": 10, "c": 9},
			req:      routing.Request{Cookie: "token of a"},
			want:     want{backend: "c", pin: routing.PinNew},
		},
		"plain HTTP follows its cookie whatever the load, for it adds no session": {
			load: map[string]int{"a": 15, "b": 10, "c": 9},
			req:  routing.Request{Cookie: "token of a"}, plain: true,
			want: want{backend: "a", pin: routing.PinCookie},
		},
		"a cookie does not bring new sessions to a draining backend": {
			do:   func(g *gateway) { g.pool.Drain("a", true) },
			load: map[string]int{"b": 1},
			req:  routing.Request{Cookie: "token of a"},
			want: want{backend: "c", pin: routing.PinNew},
		},
		"a cookie does not bring new sessions to an ejected backend": {
			do:   func(g *gateway) { g.pool.SetState("a", routing.Ejected) },
			load: map[string]int{"b": 1},
			req:  routing.Request{Cookie: "token of a"},
			want: want{backend: "c", pin: routing.PinNew},
		},
		"a cookie does not bring new sessions to a full backend": {
			backends: limited(map[string]int{"a": 1, "b": 0, "c": 0}),
			load:     map[string]int{"a": 1, "b": 1, "c": 0},
			req:      routing.Request{Cookie: "token of a"},
			want:     want{backend: "c", pin: routing.PinNew},
		},
		"a forged cookie is none": {
			load: map[string]int{"a": 1, "b": 1},
			req:  routing.Request{Cookie: "AAAAAAAA"},
			want: want{backend: "c", pin: routing.PinNew},
		},
		"a backend's ID is not its cookie": {
			load: map[string]int{"a": 1, "b": 1},
			req:  routing.Request{Cookie: "a"},
			want: want{backend: "c", pin: routing.PinNew},
		},
		"a cookie outranks the key": {
			config: routing.Config{Affinity: everyAffinity},
			req:    routing.Request{Cookie: "token of b", Key: "room-2", ClientIP: ip},
			want:   want{backend: "b", pin: routing.PinCookie},
		},
		"the key outranks the address": {
			config: routing.Config{Affinity: everyAffinity},
			load:   map[string]int{"c": 9},
			req:    routing.Request{Key: "room-2", ClientIP: ip},
			want:   want{backend: "c", pin: routing.PinKey},
		},
		"the address outranks the balancer": {
			config: routing.Config{Affinity: everyAffinity},
			load:   map[string]int{"a": 9},
			req:    routing.Request{ClientIP: ip},
			want:   want{backend: "a", pin: routing.PinIP},
		},
		"without anything the balancer decides": {
			config: routing.Config{Affinity: everyAffinity},
			load:   map[string]int{"a": 9, "b": 9},
			want:   want{backend: "c", pin: routing.PinNew},
		},
		"a key that is not an affinity is ignored": {
			load: map[string]int{"a": 1, "c": 1},
			req:  routing.Request{Key: "room-2", ClientIP: ip},
			want: want{backend: "b", pin: routing.PinNew},
		},
		"a slow start moves no key": {
			config: routing.Config{Affinity: everyAffinity},
			do:     func(g *gateway) { g.pool.SetWeight("c", 0.01) },
			req:    routing.Request{Key: "room-2"},
			want:   want{backend: "c", pin: routing.PinKey},
		},
		"a slow start keeps new sessions away": {
			do:   func(g *gateway) { g.pool.SetWeight("c", 0.01) },
			load: map[string]int{"a": 9, "b": 10},
			want: want{backend: "a", pin: routing.PinNew},
		},
		"a backup rests while an ordinary backend is up": {
			backends: backups("c"),
			load:     map[string]int{"a": 9, "b": 5},
			want:     want{backend: "b", pin: routing.PinNew},
		},
		"a backup steps in when no ordinary backend is up": {
			backends: backups("c"),
			do: func(g *gateway) {
				g.pool.SetState("a", routing.Down)
				g.pool.Drain("b", true)
			},
			want: want{backend: "c", pin: routing.PinNew},
		},
		"a full backend is passed over": {
			backends: limited(map[string]int{"a": 2, "b": 9, "c": 9}),
			load:     map[string]int{"a": 2, "b": 5, "c": 4},
			want:     want{backend: "c", pin: routing.PinNew},
		},
		"a key's full backend gives way to the key's next": {
			config:   routing.Config{Affinity: everyAffinity},
			backends: limited(map[string]int{"a": 1, "b": 9, "c": 1}),
			load:     map[string]int{"a": 1, "c": 1},
			req:      routing.Request{Key: "room-2"},
			want:     want{backend: "b", pin: routing.PinKey},
		},
		"where sids do not pin, an address keeps to its backend, full or not": {
			config:   routing.Config{Affinity: []routing.Affinity{routing.AffinityIP}},
			backends: limited(map[string]int{"a": 1, "b": 9, "c": 9}),
			load:     map[string]int{"a": 1},
			req:      routing.Request{ClientIP: ip},
			want:     want{backend: "a", pin: routing.PinIP},
		},
		"when all are full the fleet is overloaded": {
			backends: limited(map[string]int{"a": 1, "b": 1, "c": 1}),
			load:     map[string]int{"a": 1, "b": 1, "c": 1},
			want:     want{err: routing.ErrOverloaded},
		},
		"plain HTTP is carried also when all are full": {
			backends: limited(map[string]int{"a": 1, "b": 1, "c": 1}),
			load:     map[string]int{"a": 1, "b": 1, "c": 1},
			plain:    true,
			want:     want{pin: routing.PinNew},
		},
		"when nobody is up there is no backend": {
			do: func(g *gateway) {
				g.pool.SetState("a", routing.Down)
				g.pool.SetState("b", routing.Ejected)
				g.pool.Drain("c", true)
			},
			want: want{err: routing.ErrNoBackend},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.backends == nil {
				c.backends = named("a", "b", "c")
			}
			g := newGateway(t, c.config, c.backends...)
			g.load(c.load)
			if c.do != nil {
				c.do(g)
			}
			c.req.Cookie, c.req.Opens = g.cookie(c.req.Cookie), !c.plain
			d, err := g.router.Route(c.req)
			c.want.check(t, c.req, d, err)
		})
	}
}

func TestAHandshakeThatCouldNotBeDialledGoesElsewhere(t *testing.T) {
	g := newGateway(t, routing.Config{Affinity: everyAffinity}, named("a", "b", "c")...)
	req := routing.Request{
		Opens: true, Cookie: g.backend("a").Token(), Key: "room-2", ClientIP: netip.MustParseAddr("192.0.2.4"),
	}
	var tried []*routing.Backend
	for len(tried) < 3 {
		d, err := g.router.RouteExcept(req, tried)
		if err != nil {
			t.Fatalf("after %d tries: %v", len(tried), err)
		}
		for _, b := range tried {
			if d.Backend == b {
				t.Fatalf("backend %q was given again", b.ID())
			}
		}
		d.Hold.Release()
		tried = append(tried, d.Backend)
	}
	if _, err := g.router.RouteExcept(req, tried); !errors.Is(err, routing.ErrNoBackend) {
		t.Errorf("with all tried: error %v, want ErrNoBackend", err)
	}
	for _, b := range tried {
		if got := countsOf(b); got != (counts{}) {
			t.Errorf("backend %q still counts %+v", b.ID(), got)
		}
	}
	g.handshake("s")
	d, err := g.router.RouteExcept(routing.Request{SID: "s"}, tried)
	if err != nil || d.Pin != routing.PinLearned {
		t.Errorf("with a sid RouteExcept gave pin %v, error %v, want what Route gives", d.Pin, err)
	}
}

func TestABurstOfHandshakesSeesItself(t *testing.T) {
	g := newGateway(t, routing.Config{}, many(4)...)
	for range 400 {
		g.route(routing.Request{Opens: true}) // in flight, not one answered
	}
	for _, b := range g.pool.Snapshot().Backends() {
		if got := countsOf(b); got != (counts{100, 100}) {
			t.Errorf("backend %q counts %+v, want 100 of each", b.ID(), got)
		}
	}
}

// load gives backends that many sessions.
func (g *gateway) load(sessions map[string]int) {
	g.Helper()
	for id, n := range sessions {
		for i := range n {
			g.sessions.Learn(id+string(rune('0'+i)), g.backend(id), 0, routing.ByHandshake)
		}
	}
}

// weighted returns backends a, b and c of these weights.
func weighted(weights map[string]int) []routing.BackendConfig {
	list := named("a", "b", "c")
	for i := range list {
		list[i].Weight = weights[list[i].ID]
	}
	return list
}

// limited returns backends a, b and c that may hold that many sessions.
func limited(most map[string]int) []routing.BackendConfig {
	list := named("a", "b", "c")
	for i := range list {
		list[i].MaxSessions = most[list[i].ID]
	}
	return list
}

// backups returns backends a, b and c, of which one is a backup.
func backups(id string) []routing.BackendConfig {
	list := named("a", "b", "c")
	for i := range list {
		list[i].Backup = list[i].ID == id
	}
	return list
}
