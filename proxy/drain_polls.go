package proxy

import (
	"cmp"
	"context"
	"slices"
	"time"
)

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
	look := time.NewTicker(closingQuiet)
	defer look.Stop()
	for allowed := 1.0; ctx.Err() == nil; {
		polls := p.quietPolls()
		allowed += drainRate(len(polls), drainShare*left(ctx)) * closingQuiet.Seconds()
		for ; len(polls) > 0 && allowed >= 1; polls = polls[1:] {
			if polls[0].on.endPoll() {
				allowed--
			}
		}
		allowed = min(allowed, 1)
		select {
		case <-ctx.Done():
		case <-look.C:
		}
	}
}

// quietPolls lists the polls that have waited for a while, the youngest first: the others are likelier to be answered soon.
func (p *Proxy) quietPolls() (all []quietPoll) {
	p.upstreams.Range(func(_, u any) bool {
		all = append(all, u.(*upstream).quietPolls()...)
		return true
	})
	slices.SortFunc(all, func(a, b quietPoll) int { return cmp.Compare(a.looks, b.looks) })
	return all
}
