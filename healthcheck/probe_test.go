package healthcheck_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

// once asks url once, where an answer is sure to come.
func once(t *testing.T, probe healthcheck.Probe, url string) error {
	t.Helper()
	return within(t, 30*time.Second, probe, url)
}

// briefly asks url once, where it may wait in vain.
func briefly(t *testing.T, probe healthcheck.Probe, url string) error {
	t.Helper()
	return within(t, 250*time.Millisecond, probe, url)
}

// within asks url once, and once more on an event loop, for the same outcome. It fails the test if that takes much longer
// than it may.
func within(t *testing.T, timeout time.Duration, probe healthcheck.Probe, url string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	began := time.Now()
	err := probe.Ask(ctx, url)
	again := healthcheck.AskOn(startLoop(t), probe, url, timeout)
	if took := time.Since(began); took > 2*timeout+5*time.Second {
		t.Errorf("two checks with a timeout of %v took %v", timeout, took)
	}
	if (err == nil) != (again == nil) || meaning(err) != meaning(again) {
		t.Errorf("a goroutine found %v, a loop %v", err, again)
	}
	return err
}

// meaning is what a Checker makes of an outcome.
func meaning(err error) [3]bool {
	return [3]bool{healthcheck.IsRefusal(err), healthcheck.IsOwnError(err), errors.Is(err, healthcheck.ErrNotEngineIO)}
}

func engineIO() healthcheck.Probe {
	return healthcheck.EngineIO(healthcheck.Request{}, healthcheck.SaysUnknownSID)
}

// socketIO answers as a JavaScript server does to a sid that it does not know.
func socketIO(ctx *fasthttp.RequestCtx) {
	ctx.SetStatusCode(fasthttp.StatusBadRequest)
	ctx.SetContentType("application/json")
	ctx.SetBodyString(`{"code":1,"message":"Session ID unknown"}`)
}

func TestEngineIOProbeJudgesReplies(t *testing.T) {
	const alive, foreign, dead = "alive", "not Engine.IO", "dead"
	for name, c := range map[string]struct {
		status int
		body   string // SID stands for the sid that was asked for
		want   string
	}{
		"JavaScript does not know the sid":       {400, `{"code":1,"message":"Session ID unknown"}`, alive},
		"Rust writes the code as a string":       {400, `{"code":"1","message":"Session ID unknown"}`, alive},
		"Python repeats the sid":                 {400, `"Invalid session SID"`, alive},
		"Python repeats another sid":             {400, `"Invalid session x"`, foreign},
		"googollee ends its line":                {400, "invalid sid value: SID\n", alive},
		"a WebSocket-only server serves no poll": {400, `{"code":0,"message":"Transport unknown"}`, alive},
		"a bad request of some other kind":       {400, `bad request`, foreign},
		"a login in front":                       {401, `who are you?`, foreign},
		"a page for every path":                  {200, `<!doctype html>`, foreign},
		"a page beyond what is read":             {200, strings.Repeat("long ", 10000), foreign},
		"a redirect is not followed":             {302, ``, foreign},
		"another path":                           {404, `Cannot GET /socket.io/`, foreign},
		"an error":                               {500, ``, dead},
		"an error in the words of a refusal":     {500, `{"code":1,"message":"Session ID unknown"}`, dead},
		"a gateway without its server":           {502, `Bad Gateway`, dead},
		"maintenance":                            {503, `come back later`, dead},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listen(t)
			serve(t, l, func(ctx *fasthttp.RequestCtx) {
				ctx.SetStatusCode(c.status)
				ctx.Response.Header.Set("Location", "http://"+l.Addr().String()+"/elsewhere")
				ctx.SetBodyString(strings.ReplaceAll(c.body, "SID", string(ctx.QueryArgs().Peek("sid"))))
			})
			got := alive
			switch err := once(t, engineIO(), "http://"+l.Addr().String()); {
			case errors.Is(err, healthcheck.ErrNotEngineIO):
				got = foreign
			case err != nil:
				got = dead
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestWhatTheProbesSend(t *testing.T) {
	sid := regexp.MustCompile(`sid=[A-Za-z0-9_-]{16}$`)
	for name, c := range map[string]struct {
		probe      func(healthcheck.Request) healthcheck.Probe
		request    healthcheck.Request
		path, host string // host "" is the address
	}{
		"Engine.IO, by default":                {engine, healthcheck.Request{}, "/socket.io/?EIO=4&transport=polling&sid=S", ""},
		"Engine.IO at another path":            {engine, healthcheck.Request{Path: "/chat/"}, "/chat/?EIO=4&transport=polling&sid=S", ""},
		"Engine.IO at a path that has a query": {engine, healthcheck.Request{Path: "/chat/?a=b"}, "/chat/?a=b&EIO=4&transport=polling&sid=S", ""},
		"Engine.IO of a virtual host":          {engine, healthcheck.Request{Host: "web.example"}, "/socket.io/?EIO=4&transport=polling&sid=S", "web.example"},
		"HTTP, by default":                     {plain, healthcheck.Request{}, "/", ""},
		"HTTP, byte for byte":                  {plain, healthcheck.Request{Path: "/a//b/../%2f?x=%20"}, "/a//b/../%2f?x=%20", ""},
		"HTTP, with the slash that was lost":   {plain, healthcheck.Request{Path: "health"}, "/health", ""},
		"HTTP of a virtual host":               {plain, healthcheck.Request{Path: "/health", Host: "web.example:81"}, "/health", "web.example:81"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listen(t)
			want := "GET " + c.path + " " + c.host
			if c.host == "" {
				want += l.Addr().String()
			}
			var mu sync.Mutex
			var got []string
			serve(t, l, func(ctx *fasthttp.RequestCtx) {
				mu.Lock()
				defer mu.Unlock()
				h := &ctx.Request.Header
				got = append(got, sid.ReplaceAllString(string(h.Method())+" "+string(h.RequestURI()), "sid=S")+" "+string(h.Host()))
				if len(h.Peek("Origin")) > 0 || len(h.Peek("Accept-Encoding")) > 0 || !h.ConnectionClose() {
					t.Errorf("sent %q", h.String())
				}
				ctx.Error("down", fasthttp.StatusServiceUnavailable)
			})
			if err := once(t, c.probe(c.request), "http://"+l.Addr().String()); err == nil {
				t.Error("503 counts as alive")
			}
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(got, []string{want, want}) { // once asked by a goroutine, and once on a loop
				t.Errorf("sent %q, want twice %q", got, want)
			}
		})
	}
}

func engine(r healthcheck.Request) healthcheck.Probe {
	return healthcheck.EngineIO(r, healthcheck.SaysUnknownSID)
}

func plain(r healthcheck.Request) healthcheck.Probe { return healthcheck.HTTP(r) }

func TestHTTPProbeWantsItsStatus(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		expect []int
		well   bool
	}{
		"200 by default":                  {200, nil, true},
		"a redirect by default":           {301, nil, true},
		"404 by default":                  {404, nil, false},
		"500 by default":                  {500, nil, false},
		"one of those that were given":    {204, []int{200, 204}, true},
		"none of those that were given":   {200, []int{204, 401}, false},
		"an error, if that is what it is": {503, []int{503}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listen(t)
			serve(t, l, func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(c.status) })
			err := once(t, healthcheck.HTTP(healthcheck.Request{}, c.expect...), "http://"+l.Addr().String())
			if (err == nil) != c.well {
				t.Errorf("%v, want well %v", err, c.well)
			}
		})
	}
}

func TestProbesOverUnixSockets(t *testing.T) {
	l, url := listenUnix(t)
	hosts := make(chan string, 2) // of two checks, by a goroutine and on a loop
	serve(t, l, func(ctx *fasthttp.RequestCtx) {
		hosts <- string(ctx.Host())
		socketIO(ctx)
	})
	if err := once(t, engineIO(), url); err != nil {
		t.Errorf("Engine.IO: %v", err)
	}
	for range cap(hosts) {
		if got := <-hosts; got != "localhost" {
			t.Errorf("Host %q, want localhost", got)
		}
	}
	if err := once(t, healthcheck.TCP(), url); err != nil {
		t.Errorf("TCP: %v", err)
	}
}

func TestProbesOverTLS(t *testing.T) {
	server, client := certificate(t, "web.example")
	l := listen(t)
	serve(t, tls.NewListener(l, server), socketIO)
	mute := listen(t)
	raw(t, mute, func(net.Conn) {})
	inClear := listen(t)
	serve(t, inClear, socketIO)
	ask := func(l net.Listener, cfg *tls.Config) error {
		return once(t, engine(healthcheck.Request{TLS: cfg}), "https://"+l.Addr().String())
	}
	if err := ask(l, client); err != nil {
		t.Errorf("a certificate that is trusted: %v", err)
	}
	if err := ask(l, &tls.Config{InsecureSkipVerify: true}); err != nil {
		t.Errorf("no certificate wanted: %v", err)
	}
	if ask(l, nil) == nil {
		t.Error("a certificate of its own making is trusted")
	}
	if ask(l, &tls.Config{RootCAs: client.RootCAs}) == nil {
		t.Error("a certificate for another name is trusted")
	}
	if briefly(t, engine(healthcheck.Request{TLS: client}), "https://"+mute.Addr().String()) == nil {
		t.Error("a server mute in the handshake counts as alive")
	}
	if ask(inClear, client) == nil {
		t.Error("a server without TLS counts as alive")
	}
	if once(t, engineIO(), "http://"+l.Addr().String()) == nil {
		t.Error("a TLS server asked in clear counts as alive")
	}
}
