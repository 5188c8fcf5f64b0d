// Package admin answers operators, probes and scrapers on a listener of its own: is this holdfast alive and ready, what
// do its backends carry, where is a session and how is that known. It takes two orders: to drain a backend, and to call
// that off.
//
//	GET /healthz          200 while the process answers at all
//	GET /readyz           200 while clients are accepted and a backend is up, else 503
//	GET /metrics          Prometheus text format 0.0.4; every name begins with holdfast_
//	GET /status           Status: everything at a glance
//	GET /backends         []Backend, in the order of their configuration
//	POST /backends/{id}/drain     no new sessions, and after a while no old ones; ?now=true: at once. Backend
//	POST /backends/{id}/undrain   new sessions again. Backend; 409 where that is in vain
//	GET /sessions/{sid}   Session; the sid percent-encoded, with or without its tag; 404 if it is not known here
//
// All but the metrics are JSON, errors too: {"error":"…"}. There is no password: who can reach the listener may
// read and drain, so it belongs on loopback or a private network. Foreign web pages are kept out all the same, also those
// that a browser on this very machine shows: see [Server] for the rules.
package admin
