package routing

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// rendezvous returns the candidate with the highest score for key among those that t allows, nil if there is none. The
// scores depend on key, the secret, and each backend's own ID and configured weight. So every replica chooses alike,
// order does not matter, taking a backend away moves its own keys only, and each gets keys in proportion to its weight.
func rendezvous(from []candidate, key uint64, t terms) *candidate {
	var best *candidate
	var high float64
	for i := range from {
		c := &from[i]
		if !t.allow(c) {
			continue
		}
		score := c.score(key)
		if best == nil || score > high || score == high && c.seed < best.seed {
			best, high = c, score
		}
	}
	return best
}

// score is the weighted rendezvous score: -weight / ln(u), for u drawn evenly from (0,1) by hashing.
func (c *candidate) score(key uint64) float64 {
	u := (float64(mix(c.seed^key)>>11) + 0.5) / (1 << 53)
	return -c.configured / math.Log(u)
}

// mix spreads every bit of x over all bits of the result; it is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hashKey turns an affinity key into a rendezvous key: FNV-1a, which is the same in every process.
func hashKey(key string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 0x100000001b3
	}
	return mix(h)
}

// hashIP turns a client's address into a rendezvous key. IPv6 clients count by /64, the least a network hands out, since
// they change the lower half at will; an IPv4 address is the same whether or not it is written as IPv6.
func hashIP(ip netip.Addr) uint64 {
	ip = ip.Unmap()
	if ip.Is4() {
		b := ip.As4()
		return mix(uint64(binary.BigEndian.Uint32(b[:])))
	}
	b := ip.As16()
	return mix(binary.BigEndian.Uint64(b[:8]))
}
