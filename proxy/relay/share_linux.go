package relay

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Tunnels begin on the first loop while that has time for them, and may all become busy later. A loop that nearly fills a
// processor then gives tunnels to the loop that has least to do: a few at a time, and only those that have just had
// something to say.
const (
	crowded    = 85                     // percent of a processor from which on a loop gives tunnels away
	shareGap   = 30                     // percent by which the other must be less busy
	sharePart  = 8                      // one in so many of its tunnels goes at a time
	sharePause = 200 * time.Millisecond // between two times: what has gone must show in the loads first
)

// share is a loop's part in this. All but tunnels belongs to the loop's goroutine.
type share struct {
	tunnels atomic.Int64 // how many are on the loop
	looked  time.Duration
	to      *loop
	left    int64 // how many are still to go there
}

// relief returns the loop that a tunnel which has just had something to say is to move to; nil: it stays.
func (l *loop) relief() *loop {
	if len(l.relay.loops) == 1 {
		return nil
	}
	if l.Now()-l.share.looked >= sharePause {
		l.share.looked, l.share.left = l.Now(), 0
		if l.share.to = l.leastBusy(); relieves(l.Load(), l.share.to.Load()) {
			l.share.left = max(1, l.share.tunnels.Load()/sharePart)
		}
	}
	if l.share.left == 0 {
		return nil
	}
	l.share.left--
	return l.share.to
}

// leastBusy returns the least busy of the other loops.
func (l *loop) leastBusy() (best *loop) {
	least := 0
	for _, other := range l.relay.loops {
		if n := other.Load(); other != l && (best == nil || n < least) {
			best, least = other, n
		}
	}
	return best
}

// relieves says whether a loop with that load should give tunnels to one with the other.
func relieves(load, other int) bool { return load >= crowded && load-other >= shareGap }

// moveTo takes the tunnel to another loop, and reports whether it is over since that failed. It is called on the goroutine
// of the loop that it is on, with the lock held. Events that have come meanwhile are reported again by the other loop.
func (t *loopTunnel) moveTo(l *loop) (over bool) {
	from := t.loop
	t.loop = l
	for i := range t.sides {
		s := &t.sides[i]
		if s.fd < 0 {
			continue
		}
		from.Leave(s.token)
		if s.events != 0 {
			from.Control(unix.EPOLL_CTL_DEL, int(s.fd), 0, 0)
		}
		s.token, s.events = l.Enter(s), 0
	}
	from.share.tunnels.Add(-1)
	l.share.tunnels.Add(1)
	return t.settle()
}
