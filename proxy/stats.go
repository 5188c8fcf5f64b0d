package proxy

import "sync/atomic"

// stats counts what the proxy has done since it was built.
type stats struct {
	searches atomic.Int64
	asked    atomic.Int64
	found    atomic.Int64
}

// Stats is what a proxy has done since it was built.
type Stats struct {
	Searches int64 // searches for a sid that was not known here
	Asked    int64 // requests that backends got in the course of them
	Found    int64 // how many of them came to a proof
}

// Stats returns the counts so far.
func (p *Proxy) Stats() Stats {
	return Stats{
		Searches: p.stats.searches.Load(),
		Asked:    p.stats.asked.Load(),
		Found:    p.stats.found.Load(),
	}
}
