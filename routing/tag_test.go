package routing_test

import (
	"regexp"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing"
)

// TestRouteTagged has session "s" of "a" and tags switched on; "gone" was removed a moment ago.
func TestRouteTagged(t *testing.T) {
	for name, c := range map[string]struct {
		do      func(g *gateway)
		sid, by string // the sid, and whose token tags it
		passive bool
		want    want
	}{
		"a tag is enough, nothing need be known": {
			sid: "x", by: "b", want: want{backend: "b", sid: "x", pin: routing.PinTag},
		},
		"a tag outranks what was learned": {
			sid: "s", by: "b", want: want{backend: "b", sid: "s", pin: routing.PinTag},
		},
		"a tag and what was learned agree": {
			sid: "s", by: "a", want: want{backend: "a", sid: "s", pin: routing.PinTag},
		},
		"a tag leads to a draining backend": {
			do:  func(g *gateway) { g.pool.Drain("b", true) },
			sid: "x", by: "b", want: want{backend: "b", sid: "x", pin: routing.PinTag},
		},
		"a tag of a backend that is down is refused": {
			do:  func(g *gateway) { g.pool.SetState("b", routing.Down) },
			sid: "x", by: "b", want: want{sid: "x", pin: routing.PinDead, err: routing.ErrGone},
		},
		"a tag does not lead a known session to its backend's next process": {
			do: func(g *gateway) {
				g.pool.SetState("a", routing.Down)
				g.pool.SetState("a", routing.Up)
			},
			sid: "s", by: "a", want: want{sid: "s", pin: routing.PinDead, err: routing.ErrGone},
		},
		"a tag of a removed backend is refused": {
			sid: "x", by: "gone", want: want{sid: "x", pin: routing.PinDead, err: routing.ErrGone},
		},
		"a session that was ended here is gone, tag or not": {
			do:  func(g *gateway) { g.sessions.Bury("s", 30e9) },
			sid: "s", by: "a", want: want{sid: "s", pin: routing.PinDead, err: routing.ErrGone},
		},
		"a forged tag is taken off, and what was learned holds": {
			sid: "s", by: "nobody", want: want{backend: "a", sid: "s", pin: routing.PinLearned},
		},
		"a forged tag on an unknown sid is taken off before the search": {
			sid: "x", by: "nobody", want: want{sid: "x", err: routing.ErrUnknownSession},
		},
		"a preflight follows the tag": {
			sid: "x", by: "b", passive: true, want: want{backend: "b", sid: "x", pin: routing.PinTag},
		},
		"a preflight with a forged tag goes on without it": {
			sid: "x", by: "nobody", passive: true, want: want{sid: "x", pin: routing.PinNew},
		},
		"a sid without tag is what it is": {
			sid: "s", want: want{backend: "a", sid: "s", pin: routing.PinLearned},
		},
		"a mark without a token's length behind it is part of the sid": {
			sid: "x~1234567", want: want{sid: "x~1234567", err: routing.ErrUnknownSession},
		},
		"a tag alone is no tagged sid": {
			sid: "~12345678", want: want{sid: "~12345678", err: routing.ErrUnknownSession},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, routing.Config{SIDTag: true}, named("a", "b", "gone")...)
			tokens := map[string]string{"nobody": "AAAAAAAA"}
			for _, b := range g.pool.Snapshot().Backends() {
				tokens[b.ID()] = b.Token()
			}
			g.pool.SetState("gone", routing.Down)
			g.set("a", "b")
			g.pool.Sweep()
			g.sessions.Learn("s", g.backend("a"), 0, routing.ByHandshake)
			if c.do != nil {
				c.do(g)
			}
			req := routing.Request{SID: c.sid, Passive: c.passive}
			if c.by != "" {
				req.SID = routing.TagSID(c.sid, tokens[c.by])
			}
			d, err := g.router.Route(req)
			c.want.check(t, req, d, err)
		})
	}
}

// These tokens are in clients' cookies and sids, and other replicas make them too.
func TestTokensNeverChange(t *testing.T) {
	g := newGateway(t, routing.Config{}, named("a", "b")...)
	for id, want := range map[string]string{"a": "QEjESRGR", "b": "jK8pWDfg"} {
		if got := g.backend(id).Token(); got != want {
			t.Errorf("token of %q is %q, want %q", id, got, want)
		}
	}
}

func TestTokensAreOpaqueAndDependOnTheSecret(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{8}$`)
	seen := map[string]string{}
	for _, secret := range []string{"", "one", "two"} {
		p := routing.NewPool(routing.PoolConfig{Secret: []byte(secret)})
		if err := p.Set(many(50)); err != nil {
			t.Fatal(err)
		}
		for _, b := range p.Snapshot().Backends() {
			if !form.MatchString(b.Token()) {
				t.Errorf("token %q, want 8 characters of base64url", b.Token())
			}
			if other, ok := seen[b.Token()]; ok {
				t.Errorf("%q and %q with secret %q share token %q", other, b.ID(), secret, b.Token())
			}
			seen[b.Token()] = b.ID()
		}
	}
}

func FuzzTaggedSID(f *testing.F) {
	for _, sid := range []string{"", "~", "s", "s~AAAAAAAA", "~AAAAAAAA", "s~AAAAAAA", "a~b~AAAAAAAA"} {
		f.Add(sid)
	}
	f.Fuzz(func(t *testing.T, sid string) {
		g := newSmallGateway(t, 8, routing.Config{SIDTag: true}, named("a", "b")...)
		if d, err := g.router.Route(routing.Request{SID: sid}); err == nil && sid != "" {
			t.Errorf("made-up sid %q was placed on %q", sid, d.Backend.ID())
		}
		if sid == "" {
			return
		}
		d, err := g.router.Route(routing.Request{SID: routing.TagSID(sid, g.backend("b").Token())})
		if err != nil || d.Backend.ID() != "b" || d.SID != sid {
			t.Errorf("tagged %q: backend sees %q, error %v", sid, d.SID, err)
		}
	})
}
