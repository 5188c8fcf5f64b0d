package proxy

import (
	"context"
	"slices"
	"time"
)

// drainAge is how long a request must have been at its backend to be taken for a waiting poll.
const drainAge = time.Second

// drainPolls ends waiting polls one by one in the last part of the time until ctx's deadline. Before that they are left
// alone: nearly all are answered by then, for Engine.IO's heartbeat ends each, and a session whose poll was answered goes
// on elsewhere, while one whose poll was ended has to be opened anew. To end those that are left at one moment would bring
// all their clients back at one moment.
func (p *Proxy) drainPolls(ctx context.Context) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return
	}
	patience := time.NewTimer(time.Duration(drainShare * float64(time.Until(deadline))))
	defer patience.Stop()
	select {
	case <-ctx.Done():
		return
	case <-patience.C:
	}
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for allowed := 1.0; ctx.Err() == nil; {
		polls := p.waitingPolls()
		allowed += drainRate(len(polls), drainShare*left(ctx)) * drainTick.Seconds()
		for ; len(polls) > 0 && allowed >= 1; polls = polls[1:] {
			if polls[0].end() {
				allowed--
			}
		}
		allowed = min(allowed, 1)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// waitingPoll is a request with a sid that has been at its backend for a while: a poll, but for the odd slow POST.
type waitingPoll struct {
	home  *upstream
	conn  *upConn
	since time.Time
}

// waitingPolls lists them, the youngest first: the others are likelier to be answered soon.
func (p *Proxy) waitingPolls() (all []waitingPoll) {
	before := time.Now().Add(-drainAge)
	p.upstreams.Range(func(_, u any) bool {
		all = u.(*upstream).appendWaiting(all, before)
		return true
	})
	slices.SortFunc(all, func(a, b waitingPoll) int { return b.since.Compare(a.since) })
	return all
}

func (u *upstream) appendWaiting(all []waitingPoll, before time.Time) []waitingPoll {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c, since := range u.busy {
		if !since.IsZero() && since.Before(before) && !c.aborted.Load() {
			all = append(all, waitingPoll{u, c, since})
		}
	}
	return all
}

// end ends the request, so that its client is told; it reports false if the request has come to its own end.
func (w waitingPoll) end() bool {
	w.home.mu.Lock()
	defer w.home.mu.Unlock()
	if since, busy := w.home.busy[w.conn]; !busy || since != w.since {
		return false
	}
	w.conn.abort()
	return true
}
