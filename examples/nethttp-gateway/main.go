// Command nethttp-gateway keeps Socket.IO sessions on their backends with net/http and package routing alone.
package main

import (
	"bufio"
	"context"
	"flag"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

func main() {
	listen := flag.String("listen", "localhost:8080", "`HOST:PORT` to listen on; the backends' URLs are the arguments")
	flag.Parse()
	sessions := routing.NewSessions(routing.SessionsConfig{})
	gateway, err := newGateway(sessions, flag.Args())
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for range time.Tick(time.Second) {
			sessions.Sweep(10_000) // expires what is due
		}
	}()
	log.Fatal(http.ListenAndServe(*listen, gateway))
}

func newGateway(sessions *routing.Sessions, urls []string) (http.Handler, error) {
	backends := make([]routing.BackendConfig, len(urls))
	for i := range urls {
		backends[i].URL = urls[i]
	}
	pool := routing.NewPool(routing.PoolConfig{})
	if err := pool.Set(backends); err != nil {
		return nil, err
	}
	router, err := routing.NewRouter(routing.Config{Pool: pool, Sessions: sessions})
	// Node closes idle connections after 5 s; a request on one that is just being closed would cost its session.
	transport := &http.Transport{IdleConnTimeout: 1500 * time.Millisecond, MaxIdleConnsPerHost: 100}
	return place(router, &httputil.ReverseProxy{Transport: transport, Rewrite: rewrite, ModifyResponse: learn}), err
}

type decisionKey struct{} // its value in a request's context is a *routing.Decision

// place asks the router where a request goes, and hands it on with the answer.
func place(router *routing.Router, proxy http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := engineio.ParseQuery([]byte(r.URL.RequestURI()))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		request := routing.Request{SID: query.SID, EIO: query.EIO, Opens: query.HasEIO && query.SID == "",
			Passive: r.Method == http.MethodOptions || r.Method == http.MethodHead, Upgrade: query.Transport == "websocket"}
		switch decision, err := router.Route(request); err {
		case nil:
			defer decision.Hold.Release()
			proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), decisionKey{}, &decision)))
		case routing.ErrUnknownSession, routing.ErrGone: // in Engine.IO's own words, so that the client opens a new session
			_, body := engineio.UnknownSIDReply(request.Upgrade)
			http.Error(w, body, http.StatusBadRequest)
		default:
			http.Error(w, "no backend", http.StatusServiceUnavailable)
		}
	})
}

// rewrite sends a request to its backend, the query byte for byte, and asks for handshakes that learn can read.
func rewrite(r *httputil.ProxyRequest) {
	decision := r.In.Context().Value(decisionKey{}).(*routing.Decision)
	backend, _ := url.Parse(decision.Backend.URL()) // the pool takes only URLs that parse
	r.SetURL(backend)
	r.SetXForwarded()
	r.Out.Host, r.Out.URL.RawQuery = r.In.Host, r.In.URL.RawQuery
	if decision.SID == "" {
		r.Out.Header.Set("Accept-Encoding", "identity")
	}
}

// learn pins the session that a polling handshake opens, before its client sees the first byte.
func learn(reply *http.Response) error {
	decision := reply.Request.Context().Value(decisionKey{}).(*routing.Decision)
	if decision.SID == "" && reply.Request.URL.Query().Has("EIO") && reply.StatusCode == http.StatusOK {
		body := bufio.NewReaderSize(reply.Body, engineio.MaxHandshake)
		head, _ := body.Peek(engineio.MaxHandshake) // the whole reply, as a rule; its error comes again at its end
		if opened, verdict := engineio.ParseHandshake(head); verdict == engineio.Found {
			decision.Hold.Learn(opened.SID, opened.PingInterval+opened.PingTimeout)
		}
		reply.Body = io.NopCloser(body) // read to its end, or closed with the request
	}
	return nil
}
