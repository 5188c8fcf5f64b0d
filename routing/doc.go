// Package routing decides which backend gets a request of Engine.IO (and so of Socket.IO), so that a session's every
// request reaches the process that holds it. It carries nothing: facts go in as plain values, a decision comes out, and
// any HTTP library can be put around it. A whole gateway's use of it:
//
//	pool := routing.NewPool(routing.PoolConfig{})
//	err := pool.Set([]routing.BackendConfig{{URL: "http://10.0.0.1:3000"}, {URL: "http://10.0.0.2:3000"}})
//	sessions := routing.NewSessions(routing.SessionsConfig{})
//	router, err := routing.NewRouter(routing.Config{Pool: pool, Sessions: sessions})
//	// for each request:
//	d, err := router.Route(routing.Request{SID: sid, Opens: sid == ""})
//	defer d.Hold.Release()
//	reply := forward(d.Backend)
//	if h, ok := handshake(reply); ok { // before the client sees the reply
//		d.Hold.Learn(h.SID, h.PingInterval+h.PingTimeout)
//	}
//
// # How a request is placed
//
// A request with a sid goes where its tag says, else where its sid was learned; a sid that nobody here knows is refused
// with [ErrUnknownSession], and one whose backend process is known to be gone with [ErrGone]. A request without a sid
// goes where its cookie says, else where its key or its client's address hashes to, if those are configured, else where
// the balancer puts it.
//
// # Who counts what
//
// Every [Hold] counts as one request in flight at its backend until it is released. A Hold that opens a session counts
// as a session as well, from Route on, so that a burst of handshakes sees itself; [Hold.Learn] hands that place over to
// the learned session without a gap. A learned session counts until it expires, is forgotten, evicted or replaced, with
// one pause: when its last tunnel has been closed and no poll is open, it stops counting until its next request, since
// most sessions end with their tunnel, while one whose upgrade has failed goes on polling. Counters belong to a
// backend's incarnation: a process that comes back after it was Down begins at zero.
//
// # What runs in the background
//
// Nothing. The clock and the dice are functions in the configurations; the owner calls [Sessions.Sweep] and
// [Pool.Sweep] about once a second, which expires what is due and moves the coarse clock on which the rest relies.
//
// All types are safe for use by many goroutines at once, except [Hold] and [Decision], which belong to one request.
package routing
