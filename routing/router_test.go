package routing_test

import (
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// want is what a row expects of Route.
type want struct {
	backend string // "": any
	pin     routing.Pin
	sid     string // what the backend is to see; "": the request's own
	err     error
}

func (w want) check(t *testing.T, req routing.Request, d routing.Decision, err error) {
	t.Helper()
	if !errors.Is(err, w.err) {
		t.Fatalf("error %v, want %v", err, w.err)
	}
	if d.Pin != w.pin {
		t.Errorf("pin %v, want %v", d.Pin, w.pin)
	}
	if w.sid == "" {
		w.sid = req.SID
	}
	if d.SID != w.sid {
		t.Errorf("the backend would see sid %q, want %q", d.SID, w.sid)
	}
	if err != nil {
		if d.Backend != nil {
			t.Errorf("refused, but with backend %q", d.Backend.ID())
		}
		return
	}
	if w.backend != "" && d.Backend.ID() != w.backend {
		t.Errorf("backend %q, want %q", d.Backend.ID(), w.backend)
	}
}

// TestRouteKnown has a session "s" learned from a handshake at backend "a", and "b" beside it.
func TestRouteKnown(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(g *gateway)
		req  routing.Request
		want want
	}{
		"a session stays where its handshake was answered": {
			want: want{backend: "a", pin: routing.PinLearned},
		},
		"a session stays while its backend drains": {
			do:   func(g *gateway) { g.pool.Drain("a", true) },
			want: want{backend: "a", pin: routing.PinLearned},
		},
		"a session stays while its backend is ejected": {
			do:   func(g *gateway) { g.pool.SetState("a", routing.Ejected) },
			want: want{backend: "a", pin: routing.PinLearned},
		},
		"a session stays when its backend vanishes from the configuration": {
			do:   func(g *gateway) { g.set("b") },
			want: want{backend: "a", pin: routing.PinLearned},
		},
		"a session stays when backends are added before its own": {
			do:   func(g *gateway) { g.set("x", "y", "b", "a") },
			want: want{backend: "a", pin: routing.PinLearned},
		},
		"a session stays when all other backends are down": {
			do:   func(g *gateway) { g.pool.SetState("b", routing.Down) },
			want: want{backend: "a", pin: routing.PinLearned},
		},
		"a cookie of another backend does not move a session": {
			req:  routing.Request{Cookie: "token of b"},
			want: want{backend: "a", pin: routing.PinLearned},
		},
		"a session of a backend that is down is gone": {
			do:   func(g *gateway) { g.pool.SetState("a", routing.Down) },
			want: want{pin: routing.PinDead, err: routing.ErrGone},
		},
		"a restarted backend inherits no session": {
			do: func(g *gateway) {
				g.pool.SetState("a", routing.Down)
				g.pool.SetState("a", routing.Up)
			},
			want: want{pin: routing.PinDead, err: routing.ErrGone},
		},
		"a session of a removed backend is gone": {
			do: func(g *gateway) {
				g.pool.SetState("a", routing.Down)
				g.set("b")
				g.pool.Sweep()
			},
			want: want{pin: routing.PinDead, err: routing.ErrGone},
		},
		"a session that was ended here is gone": {
			do:   func(g *gateway) { g.sessions.Bury("s", 30*time.Second) },
			want: want{pin: routing.PinDead, err: routing.ErrGone},
		},
		"a session that was ended here is unknown after a while": {
			do: func(g *gateway) {
				g.sessions.Bury("s", 30*time.Second)
				g.clock.advance(31 * time.Second)
				g.sessions.Sweep(100)
			},
			want: want{err: routing.ErrUnknownSession},
		},
		"a sid that a handshake gives out again after its burial lives": {
			do: func(g *gateway) {
				g.sessions.Bury("s", 30*time.Second)
				g.sessions.Learn("s", g.backend("b"), 0, routing.ByHandshake)
			},
			want: want{backend: "b", pin: routing.PinLearned},
		},
		"a raised sid does not fall back into its grave": {
			do: func(g *gateway) {
				g.sessions.Bury("s", 30*time.Second)
				g.sessions.Learn("s", g.backend("b"), 0, routing.ByHandshake)
				g.sessions.Forget("s")
			},
			want: want{err: routing.ErrUnknownSession},
		},
		"the last handshake of a sid wins": {
			do:   func(g *gateway) { g.sessions.Learn("s", g.backend("b"), 0, routing.ByHandshake) },
			want: want{backend: "b", pin: routing.PinLearned},
		},
		"a search does not move what a handshake has pinned": {
			do:   func(g *gateway) { g.sessions.Learn("s", g.backend("b"), 0, routing.BySearch) },
			want: want{backend: "a", pin: routing.PinLearned},
		},
		"a forgotten session is unknown": {
			do:   func(g *gateway) { g.sessions.Forget("s") },
			want: want{err: routing.ErrUnknownSession},
		},
		"a sid is compared as a whole": {
			req:  routing.Request{SID: "S"},
			want: want{err: routing.ErrUnknownSession},
		},
		"a searched session is followed": {
			do:   func(g *gateway) { g.sessions.Learn("t", g.backend("b"), 0, routing.BySearch) },
			req:  routing.Request{SID: "t"},
			want: want{backend: "b", pin: routing.PinSought},
		},
		"a sid's form means nothing while tags are off": {
			req:  routing.Request{SID: "s~12345678"},
			want: want{err: routing.ErrUnknownSession},
		},
		"a preflight follows its session": {
			req:  routing.Request{SID: "s", Passive: true},
			want: want{backend: "a", pin: routing.PinLearned},
		},
		"a preflight of an unknown session goes to any backend that is up": {
			do:   func(g *gateway) { g.pool.Drain("a", true) },
			req:  routing.Request{SID: "t", Passive: true},
			want: want{backend: "b", pin: routing.PinNew},
		},
		"a preflight of a dead session goes to any backend that is up": {
			do:   func(g *gateway) { g.pool.SetState("a", routing.Down) },
			req:  routing.Request{SID: "s", Passive: true},
			want: want{backend: "b", pin: routing.PinNew},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, routing.Config{}, named("a", "b")...)
			g.sessions.Learn("s", g.backend("a"), 45*time.Second, routing.ByHandshake)
			if c.do != nil {
				c.do(g)
			}
			if c.req.SID == "" {
				c.req.SID = "s"
			}
			c.req.Cookie = g.cookie(c.req.Cookie)
			d, err := g.router.Route(c.req)
			c.want.check(t, c.req, d, err)
		})
	}
}

// TestRouteUnknown has a sid that nobody here knows, under affinities that can guess; rendezvous of ip says "b".
func TestRouteUnknown(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.1")
	sidCookie := []routing.Affinity{routing.AffinitySID, routing.AffinityCookie}
	cookieIP := []routing.Affinity{routing.AffinityCookie, routing.AffinityIP}
	for name, c := range map[string]struct {
		config routing.Config
		do     func(g *gateway)
		cookie string
		want   want
	}{
		"an unknown sid is for the caller to search": {
			config: routing.Config{Affinity: sidCookie},
			cookie: "token of a",
			want:   want{err: routing.ErrUnknownSession},
		},
		"a gateway that does not search may follow the cookie": {
			config: routing.Config{Affinity: sidCookie, CookieFollows: true},
			cookie: "token of a",
			want:   want{backend: "a", pin: routing.PinCookie},
		},
		"a followed cookie may name a draining backend": {
			config: routing.Config{Affinity: sidCookie, CookieFollows: true},
			do:     func(g *gateway) { g.pool.Drain("a", true) },
			cookie: "token of a",
			want:   want{backend: "a", pin: routing.PinCookie},
		},
		"a followed cookie must not name a backend that is down": {
			config: routing.Config{Affinity: sidCookie, CookieFollows: true},
			do:     func(g *gateway) { g.pool.SetState("a", routing.Down) },
			cookie: "token of a",
			want:   want{err: routing.ErrUnknownSession},
		},
		"a forged cookie is not followed": {
			config: routing.Config{Affinity: sidCookie, CookieFollows: true},
			cookie: "AAAAAAAA",
			want:   want{err: routing.ErrUnknownSession},
		},
		"without affinity sid the cookie carries sids": {
			config: routing.Config{Affinity: cookieIP},
			cookie: "token of a",
			want:   want{backend: "a", pin: routing.PinCookie},
		},
		"without affinity sid and cookie the address carries sids": {
			config: routing.Config{Affinity: cookieIP},
			want:   want{backend: "b", pin: routing.PinIP},
		},
		"affinity ip carries what affinity sid does not know": {
			config: routing.Config{Affinity: []routing.Affinity{routing.AffinitySID, routing.AffinityIP}},
			want:   want{backend: "b", pin: routing.PinIP},
		},
		"affinity ip looks at backends that are up only": {
			config: routing.Config{Affinity: cookieIP},
			do:     func(g *gateway) { g.pool.Drain("b", true) },
			want:   want{backend: "a", pin: routing.PinIP},
		},
		"a cookie that is not an affinity is ignored": {
			config: routing.Config{Affinity: []routing.Affinity{routing.AffinitySID}, CookieFollows: true},
			cookie: "token of a",
			want:   want{err: routing.ErrUnknownSession},
		},
		"with nobody up an unknown sid is still for the caller to search": {
			config: routing.Config{Affinity: []routing.Affinity{routing.AffinitySID, routing.AffinityIP}},
			do: func(g *gateway) {
				g.pool.Drain("a", true)
				g.pool.Drain("b", true)
			},
			want: want{err: routing.ErrUnknownSession},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, c.config, named("a", "b")...)
			if c.do != nil {
				c.do(g)
			}
			req := routing.Request{SID: "unknown", Cookie: g.cookie(c.cookie), ClientIP: ip}
			d, err := g.router.Route(req)
			c.want.check(t, req, d, err)
			d.Hold.Release()
			if _, ok := g.sessions.Lookup("unknown"); ok {
				t.Error("a guess was pinned")
			}
		})
	}
}

func TestSessionsOfOneAddressMeetWithAndWithoutSID(t *testing.T) {
	g := newGateway(t, routing.Config{Affinity: []routing.Affinity{routing.AffinityIP}}, many(5)...)
	for i := range 200 {
		ip := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		first := g.route(routing.Request{ClientIP: ip, Opens: true})
		first.Hold.Learn("1", 0) // every backend's counter begins there
		later := g.route(routing.Request{ClientIP: ip, SID: "1"})
		if first.Backend != later.Backend {
			t.Fatalf("%v opened its session at %q, its poll went to %q", ip, first.Backend.ID(), later.Backend.ID())
		}
	}
}

func TestNewRouterRefusesWhatMakesNoSense(t *testing.T) {
	pool, sessions := routing.NewPool(routing.PoolConfig{}), routing.NewSessions(routing.SessionsConfig{})
	for name, c := range map[string]struct {
		config routing.Config
		want   string // in the error; "": none
	}{
		"a pool and a table are enough": {config: routing.Config{Pool: pool, Sessions: sessions}},
		"a table is needed for affinity sid only": {
			config: routing.Config{Pool: pool, Affinity: []routing.Affinity{routing.AffinityCookie}},
		},
		"no pool":             {routing.Config{Sessions: sessions}, "Config.Pool"},
		"no table":            {routing.Config{Pool: pool}, "Config.Sessions"},
		"an unknown affinity": {routing.Config{Pool: pool, Affinity: []routing.Affinity{9}}, "affinity 9"},
		"an unknown balance":  {routing.Config{Pool: pool, Sessions: sessions, Balance: 9}, "balance 9"},
		"a factor below one":  {routing.Config{Pool: pool, Sessions: sessions, BalanceFactor: 0.9}, "0.9"},
		"a factor that is no number": {
			routing.Config{Pool: pool, Sessions: sessions, BalanceFactor: math.NaN()}, "NaN",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := routing.NewRouter(c.config)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestNamesAreTheOperatorsWords(t *testing.T) {
	for got, want := range map[string]string{
		routing.PinNone.String():        "none",
		routing.PinSought.String():      "sought",
		routing.PinDead.String():        "dead",
		routing.Pin(99).String():        "invalid",
		routing.Down.String():           "down",
		routing.Removed.String():        "removed",
		routing.AffinitySID.String():    "sid",
		routing.AffinityIP.String():     "ip",
		routing.LeastSessions.String():  "least-sessions",
		routing.BySearch.String():       "search",
		routing.ByHandshake.String():    "handshake",
		routing.AffinityCookie.String(): "cookie",
	} {
		if got != want {
			t.Errorf("name %q, want %q", got, want)
		}
	}
	for _, name := range []string{"least-sessions", "round-robin", "random", "hash"} {
		if b, err := routing.ParseBalance(name); err != nil || b.String() != name {
			t.Errorf("ParseBalance(%q) = %v, %v", name, b, err)
		}
	}
	if _, err := routing.ParseBalance("leastconn"); err == nil || !strings.Contains(err.Error(), "least-sessions") {
		t.Errorf("ParseBalance of an unknown name: error %v, want one that lists the known", err)
	}
}
