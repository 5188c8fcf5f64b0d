package routing

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync/atomic"
)

// Balance is how a backend is chosen for a request that nothing ties to one.
type Balance uint8

// The ways of balancing.
const (
	// LeastSessions takes the lowest (sessions + in flight + 1) / weight; ties are broken at random.
	LeastSessions Balance = iota
	// RoundRobin takes turns. A backend of half the highest weight is passed over every second round, and so on.
	RoundRobin
	// Random draws with a chance in proportion to weight.
	Random
	// Hash is rendezvous by client IP (IPv6 by /64) among the backends that are below the balance factor times the mean
	// load. A client without an address is placed as by Random.
	Hash
)

// String returns the balance's name as operators write it.
func (b Balance) String() string {
	return nameOf(b, "least-sessions", "round-robin", "random", "hash")
}

// ParseBalance returns the Balance of that name.
func ParseBalance(name string) (Balance, error) {
	for b := LeastSessions; b <= Hash; b++ {
		if b.String() == name {
			return b, nil
		}
	}
	return 0, fmt.Errorf("balance %q: want least-sessions, round-robin, random or hash", name)
}

// terms are what any choice must respect. The zero value allows every candidate.
type terms struct {
	tried  []*Backend // not these again
	opens  bool       // a session is opened
	limits bool       // the limits on sessions count
	bound  float64    // highest load for one unit of weight, the request itself included; 0: any
}

func (t terms) allow(c *candidate) bool {
	if len(t.tried) > 0 && slices.Contains(t.tried, c.on.backend) {
		return false
	}
	if t.limits && c.limit > 0 && c.on.sessions.Load() >= c.limit {
		return false
	}
	return t.bound == 0 || float64(c.on.load()+1) <= math.Ceil(t.bound*c.weight)
}

// below returns t with the bound of "consistent hashing with bounded loads" (Mirrokni, Thorup, Zadimoghaddam 2016):
// nobody may exceed factor times the mean, rounded up, of the load that there will be with the request placed. By
// construction at least one candidate is below it.
func (t terms) below(factor float64, from []candidate) terms {
	load, weight := 1.0, 0.0
	for i := range from {
		if t.allow(&from[i]) {
			load += float64(from[i].on.load())
			weight += from[i].weight
		}
	}
	t.bound = factor * load / max(weight, math.SmallestNonzeroFloat64)
	return t
}

// balancer chooses among candidates that nothing else distinguishes.
type balancer struct {
	how    Balance
	factor float64
	rand   func() uint64
	turn   atomic.Uint64 // how many turns round-robin has given or passed over
}

// pick returns nil if t allows no candidate.
func (b *balancer) pick(from []candidate, client netip.Addr, t terms) *candidate {
	switch {
	case b.how == RoundRobin:
		return b.roundRobin(from, t)
	case b.how == Hash && client.IsValid():
		return b.hash(from, client, t)
	case b.how == Hash || b.how == Random:
		return b.random(from, t)
	}
	return b.leastSessions(from, t)
}

func (b *balancer) leastSessions(from []candidate, t terms) *candidate {
	var best *candidate
	var low float64
	var ties uint64
	for i := range from {
		c := &from[i]
		if !t.allow(c) {
			continue
		}
		score := float64(c.on.load()+1) / c.weight
		switch {
		case best == nil || score < low:
			best, low, ties = c, score, 1
		case score == low:
			if ties++; b.rand()%ties == 0 { // the n-th of equals takes over with a chance of 1/n, so all have the same
				best = c
			}
		}
	}
	return best
}

// roundRobin is static stride scheduling: in round r the candidate of weight w has a turn if r*w/max passes a whole
// number. One shared counter is all its state, so that it survives every change of the candidates.
func (b *balancer) roundRobin(from []candidate, t terms) *candidate {
	heaviest := 0.0
	for i := range from {
		if t.allow(&from[i]) {
			heaviest = max(heaviest, from[i].weight)
		}
	}
	if heaviest == 0 {
		return nil
	}
	n := uint64(len(from))
	for range 2 * n { // the heaviest has a turn in every round
		turn := b.turn.Add(1) - 1
		c, round := &from[turn%n], float64(turn/n)
		share := c.weight / heaviest
		if math.Floor((round+1)*share) > math.Floor(round*share) && t.allow(c) {
			return c
		}
	}
	return b.random(from, t) // others took all those turns
}

func (b *balancer) random(from []candidate, t terms) *candidate {
	sum := 0.0
	for i := range from {
		if t.allow(&from[i]) {
			sum += from[i].weight
		}
	}
	at := float64(b.rand()>>11) / (1 << 53) * sum
	var last *candidate
	for i := range from {
		c := &from[i]
		if !t.allow(c) {
			continue
		}
		last = c
		if at -= c.weight; at < 0 {
			break
		}
	}
	return last
}

func (b *balancer) hash(from []candidate, client netip.Addr, t terms) *candidate {
	key := hashIP(client)
	if c := rendezvous(from, key, t.below(b.factor, from)); c != nil {
		return c
	}
	return rendezvous(from, key, t) // the loads have changed meanwhile
}
