package routing

import "fmt"

// Affinity is one thing that may tie a request to a backend. Their order of use is fixed, whatever the order in
// Config.Affinity: sid, cookie, key, ip.
type Affinity uint8

// The affinities a router knows.
const (
	// AffinitySID pins sessions by the sid their backend gave them.
	AffinitySID Affinity = iota + 1
	// AffinityCookie brings a client without sid back to the backend whose token its cookie carries. Without
	// AffinitySID it carries requests with a sid as well, also to a backend that takes no new sessions.
	AffinityCookie
	// AffinityKey places requests without sid by rendezvous of Request.Key over the backends that are Up.
	AffinityKey
	// AffinityIP places requests, with an unknown sid and without sid alike, by rendezvous of Request.ClientIP over
	// the backends that are Up. It is for servers whose sids collide; sessions move when a backend comes or goes.
	AffinityIP
)

// String returns the affinity's name as operators write it.
func (a Affinity) String() string { return nameOf(a, "invalid", "sid", "cookie", "key", "ip") }

// affinities is the set a router works with.
type affinities struct{ sid, cookie, key, ip bool }

// newAffinities collects list; an empty one means sid and cookie.
func newAffinities(list []Affinity) (affinities, error) {
	if len(list) == 0 {
		return affinities{sid: true, cookie: true}, nil
	}
	var set affinities
	for _, a := range list {
		switch a {
		case AffinitySID:
			set.sid = true
		case AffinityCookie:
			set.cookie = true
		case AffinityKey:
			set.key = true
		case AffinityIP:
			set.ip = true
		default:
			return affinities{}, fmt.Errorf("routing: affinity %d: want sid, cookie, key or ip", a)
		}
	}
	return set, nil
}
