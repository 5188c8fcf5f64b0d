// Package discovery keeps a pool's membership up to date from places outside: DNS names and files. A gateway's use of it:
//
//	source, err := discovery.ParseSource("dns://web.default.svc.cluster.local.:3000")
//	d, err := discovery.New(discovery.Config{Sources: []discovery.Source{source}, Set: pool.Set})
//	go d.Run(ctx)
//	<-d.Ready() // every source was asked once: serve
//
// # What holds
//
// No answer empties the pool: where a source fails, or lists nothing at all, what it listed last stands, and the log says
// so once. A backend that is no longer listed is not cut but left to [routing.Pool.Set], which lets its sessions end. A
// backend that stays listed, by the same ID and URL, stays the same.
//
// # Who comes first
//
// A backend is listed once. Configured ones precede discovered ones, and earlier sources later ones: of two with one URL
// the first counts, so that an explicit configuration gives an address its ID and weight; of two with one ID too, and the
// log says so.
package discovery
