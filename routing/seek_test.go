package routing_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing"
)

// TestSeekOrder has 5 sessions on "a", 9 on "b", 1 on "c"; rendezvous puts key "room-2" on "c" and ip 192.0.2.4 on "a".
func TestSeekOrder(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.4")
	for name, c := range map[string]struct {
		do   func(g *gateway)
		req  routing.Request
		want []string
	}{
		"those with the most sessions first": {want: []string{"b", "a", "c"}},
		"the address's before them":          {req: routing.Request{ClientIP: ip}, want: []string{"a", "b", "c"}},
		"the key's before the address's":     {req: routing.Request{ClientIP: ip, Key: "room-2"}, want: []string{"c", "a", "b"}},
		"the cookie's before all": {
			req: routing.Request{ClientIP: ip, Key: "room-2", Cookie: "token of b"}, want: []string{"b", "c", "a"},
		},
		"a forged cookie says nothing": {req: routing.Request{Cookie: "AAAAAAAA"}, want: []string{"b", "a", "c"}},
		"draining and ejected ones are asked, for they have live sessions": {
			do:   func(g *gateway) { g.pool.Drain("b", true); g.pool.SetState("a", routing.Ejected) },
			want: []string{"b", "a", "c"},
		},
		"vanished ones are asked":      {do: func(g *gateway) { g.set("c") }, want: []string{"b", "a", "c"}},
		"those that are down are not":  {do: func(g *gateway) { g.pool.SetState("b", routing.Down) }, want: []string{"a", "c"}},
		"nor if the cookie names them": {do: func(g *gateway) { g.pool.SetState("b", routing.Down) }, req: routing.Request{Cookie: "token of b"}, want: []string{"a", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, routing.Config{}, named("a", "b", "c")...)
			g.load(map[string]int{"a": 5, "b": 9, "c": 1})
			if c.do != nil {
				c.do(g)
			}
			c.req.Cookie = g.cookie(c.req.Cookie)
			buf := make([]*routing.Backend, 7)
			got := g.pool.Snapshot().SeekOrder(buf, c.req)
			if !slices.Equal(ids(got), c.want) {
				t.Errorf("order %v, want %v", ids(got), c.want)
			}
			if &got[0] != &buf[0] {
				t.Error("the buffer was not used")
			}
		})
	}
}
