package routing_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing"
)

// owners returns which backend each of n keys belongs to.
func (g *gateway) owners(n int) []string {
	g.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = g.route(routing.Request{Key: fmt.Sprintf("key-%d", i)}).Backend.ID()
	}
	return ids
}

func keyGateway(t *testing.T, backends ...routing.BackendConfig) *gateway {
	return newGateway(t, routing.Config{Affinity: everyAffinity}, backends...)
}

func TestReplicasAgreeOnEveryKeyInWhateverOrderTheyListBackends(t *testing.T) {
	list := many(20)
	want := keyGateway(t, list...).owners(2000)
	r := rand.New(rand.NewPCG(5, 6))
	for range 5 {
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for i, id := range keyGateway(t, list...).owners(2000) {
			if id != want[i] {
				t.Fatalf("key %d belongs to %q at one replica, to %q at another", i, want[i], id)
			}
		}
	}
}

func TestRemovingOneBackendMovesOnlyItsOwnKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		list := many(2 + r.IntN(10))
		for i := range list {
			list[i].Weight = 1 + r.IntN(5)
		}
		g := keyGateway(t, list...)
		before, gone := g.owners(500), fmt.Sprintf("b%d", r.IntN(len(list)))
		g.pool.Drain(gone, true)
		for i, id := range g.owners(500) {
			if id != before[i] && before[i] != gone {
				t.Fatalf("removing %q moved key %d from %q to %q", gone, i, before[i], id)
			}
			if id == gone {
				t.Fatalf("key %d still goes to %q", i, gone)
			}
		}
		g.pool.Drain(gone, false)
		for i, id := range g.owners(500) {
			if id != before[i] {
				t.Fatalf("key %d belongs to %q after %q came back, want %q as before", i, id, gone, before[i])
			}
		}
	}
}

func TestMoreWeightTakesKeysFromOthersOnly(t *testing.T) {
	list := many(5)
	before := keyGateway(t, list...).owners(2000)
	list[2].Weight = 3
	for i, id := range keyGateway(t, list...).owners(2000) {
		if id != before[i] && id != "b2" {
			t.Fatalf("more weight for b2 moved key %d from %q to %q", i, before[i], id)
		}
	}
}

// Tolerance: five standard deviations of a binomial share of a tenth of 20,000 keys, 5·√(20000·0.1·0.9) = 212 of 2000.
func TestKeysSpreadInProportionToWeight(t *testing.T) {
	count := func(list []routing.BackendConfig) map[string]int {
		got := map[string]int{}
		for _, id := range keyGateway(t, list...).owners(20_000) {
			got[id]++
		}
		return got
	}
	even := map[string]int{}
	for _, c := range many(10) {
		even[c.ID] = 2000
	}
	near(t, count(many(10)), even, 0.106)
	near(t, count(weighted(map[string]int{"a": 1, "b": 3, "c": 6})), map[string]int{"a": 2000, "b": 6000, "c": 12_000}, 0.106)
}

// These placements are a promise to replicas of other versions, and to clients whose state lives where their key leads.
func TestPlacementsNeverChange(t *testing.T) {
	g := keyGateway(t, many(10)...)
	for key, want := range map[string]string{"room-1": "b7", "room-2": "b0", "user:4711": "b4"} {
		if got := g.route(routing.Request{Key: key}).Backend.ID(); got != want {
			t.Errorf("key %q is placed on %q, want %q", key, got, want)
		}
	}
	for ip, want := range map[string]string{"192.0.2.1": "b6", "2001:db8::1": "b4"} {
		if got := g.route(routing.Request{ClientIP: netip.MustParseAddr(ip)}).Backend.ID(); got != want {
			t.Errorf("address %s is placed on %q, want %q", ip, got, want)
		}
	}
}

func TestAddressesThatAreOneClientArePlacedAsOne(t *testing.T) {
	g := keyGateway(t, many(50)...)
	place := func(ip string) string {
		return g.route(routing.Request{ClientIP: netip.MustParseAddr(ip)}).Backend.ID()
	}
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"two addresses of one /64":           {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		"neighbouring /64s":                  {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		"IPv4, and the same written as IPv6": {"192.0.2.1", "::ffff:192.0.2.1", true},
		"neighbouring IPv4 addresses":        {"192.0.2.1", "192.0.2.2", false},
		"a zone does not tell clients apart": {"fe80::1%eth0", "fe80::1%eth1", true},
	} {
		t.Run(name, func(t *testing.T) {
			if a, b := place(c.a), place(c.b); (a == b) != c.same {
				t.Errorf("%s is placed on %q, %s on %q; want the same: %v", c.a, a, c.b, b, c.same)
			}
		})
	}
}
