package proxy_test

import (
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// TestPastTheConnectionLimit has as many clients as there may be, one of them a tunnel: whoever comes then is told so at
// once, nobody who is there notices, and when one leaves there is room again.
func TestPastTheConnectionLimit(t *testing.T) {
	t.Parallel()
	const limit, beyond = 10, 100
	g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.MaxConnections = limit })
	g.backend(0).serve(answeringOrEchoing)
	tunnel := g.dial(t)
	if got := tunnel.ask(upgradeRequest); got.status() != 101 {
		t.Fatalf("got %q", got.raw())
	}
	var served []*client
	for range limit - 1 {
		c := g.dial(t)
		if got := c.ask(plainGet); got.raw() != ok {
			t.Fatalf("got %q", got.raw())
		}
		served = append(served, c)
	}
	for range beyond {
		c := g.dial(t)
		if got := c.reply(); got.raw() != said("503 Service Unavailable", asText, "too many connections\n", closes) {
			t.Errorf("a client too many got %q", got.raw())
		}
		c.closed()
	}
	tunnel.send("frame")
	if got := tunnel.read(5); got != "frame" {
		t.Errorf("the tunnel echoes %q", got)
	}
	for _, c := range served {
		if got := c.ask(plainGet); got.raw() != ok {
			t.Errorf("a client that is there got %q", got.raw())
		}
	}
	served[0].Close()
	eventually(t, "there is room", func() bool { return g.proxy.Stats().Connections < limit })
	if got := g.dial(t).ask(plainGet); got.raw() != ok {
		t.Errorf("a client in another's place got %q", got.raw())
	}
	tunnel.Close()
	eventually(t, "a tunnel gives its place back", func() bool { return g.proxy.Stats().Connections < limit })
}

// TestPastTheConnectionLimitWithARequest refuses clients whose request has come before the refusal leaves: closing on
// unread bytes sends an RST, which may overtake the reply (RFC 9112 section 9.6).
func TestPastTheConnectionLimitWithARequest(t *testing.T) {
	t.Parallel()
	ln := &gatedListener{Listener: listen(t), gate: make(chan struct{}, 100)}
	g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.MaxConnections = 1 })
	g.listen(t, ln)
	g.dial(t).ask(plainGet)
	g.addr = ln.Addr().String()
	for range 20 {
		c := g.dial(t)
		c.send(plainGet)
		ln.gate <- struct{}{}
		got, err := io.ReadAll(c.r)
		if want := said("503 Service Unavailable", asText, "too many connections\n", closes); string(got) != want || err != nil {
			t.Fatalf("got %q and %v, want %q and a FIN", got, err, want)
		}
	}
}

// listen has the proxy serve another listener.
func (g *rig) listen(t testing.TB, ln net.Listener) {
	served := make(chan error, 1)
	go func() { served <- g.proxy.Serve(ln) }()
	t.Cleanup(func() {
		ln.Close()
		<-served
	})
}

// gatedListener accepts one connection for every value in gate; until then they wait in the kernel's queue.
type gatedListener struct {
	net.Listener
	gate chan struct{}
}

func (l *gatedListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		<-l.gate
	}
	return nc, err
}

// TestAClientsOwnErrorsDoNotEndServing has accepting fail for reasons that lie in one client's connection, as Linux
// reports them (accept(2)): the next client is served.
func TestAClientsOwnErrorsDoNotEndServing(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{
		syscall.ECONNABORTED, syscall.ENETDOWN, syscall.EPROTO, syscall.ENOPROTOOPT, syscall.EHOSTDOWN,
		syscall.EHOSTUNREACH, syscall.EOPNOTSUPP, syscall.ENETUNREACH, syscall.EPERM,
	} {
		t.Run(errno.Error(), func(t *testing.T) {
			g := startProxy(t, 1, nil)
			ln := &failingListener{Listener: listen(t), err: errno, left: 1}
			g.listen(t, ln)
			g.addr = ln.Addr().String()
			if got := g.dial(t).ask(plainGet); got.raw() != ok {
				t.Errorf("got %q", got.raw())
			}
		})
	}
}

// failingListener fails a number of times before it accepts.
type failingListener struct {
	net.Listener
	err  error
	left int
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.left > 0 {
		l.left--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: l.err}
	}
	return l.Listener.Accept()
}

// TestResetFlood has clients reset their connections at every point of an exchange: nothing of them is left.
func TestResetFlood(t *testing.T) {
	const rounds = 100
	g := startProxy(t, 1, nil)
	g.backend(0).serve(answeringOrEchoing)
	g.dial(t).ask(plainGet)
	steps := map[string]string{
		"at once":         "",
		"in a head":       "GET / HTTP/1.1\r\nHo",
		"in a body":       "POST /" + asked + "Content-Length: 100000\r\n\r\nhalf",
		"in a chunk":      "POST /" + asked + "Transfer-Encoding: chunked\r\n\r\nfff\r\nhalf",
		"after a request": plainGet,
		"after many":      strings.Repeat(plainGet, 50),
		"in a tunnel":     upgradeRequest + "frame",
		"after a refusal": "GET /\r\n\r\n" + strings.Repeat("x", 100000),
	}
	before := footprint()
	for range rounds {
		for _, raw := range steps {
			c := g.dial(t)
			c.send(raw)
			c.reset()
		}
	}
	eventually(t, "no client is left", func() bool { s := g.proxy.Stats(); return s.Connections == 1 && s.Requests == 0 && s.Tunnels == 0 })
	t.Logf("%d bytes each", (footprint()-before)/int64(rounds*len(steps)))
	if got := g.dial(t).ask(plainGet); got.raw() != ok {
		t.Errorf("another client got %q", got.raw())
	}
	eventually(t, "the backend has no request left", func() bool { return g.owner(t, 0).InFlight() == 0 })
}

// neighbours are PROXY headers of one client, of another one that counts as the same, and of one that does not.
type neighbours struct{ one, same, other string }

// TestPastTheLimitOfAnAddress has as many clients of one address as there may be, one of them a tunnel: its next one is told
// so, other addresses are served, and when one leaves there is room again.
func TestPastTheLimitOfAnAddress(t *testing.T) {
	const limit = 3
	namedRuns(t, func(t *testing.T, g *rig, overTCP bool) {
		g.backend(0).serve(answeringOrEchoing)
		for name, who := range map[string]neighbours{
			"IPv4": {named4, named4, "PROXY TCP4 1.2.3.5 5.6.7.8 1000 80\r\n"},
			"IPv6, of which one client has a whole network": {"PROXY TCP6 2001:db8::1 ::1 1000 80\r\n",
				"PROXY TCP6 2001:db8::ffff ::1 1000 80\r\n", "PROXY TCP6 2001:db8:0:1::1 ::1 1000 80\r\n"},
		} {
			t.Run(name, func(t *testing.T) {
				g.fill(t, limit, who, func(preface string) *client {
					c := g.dial(t)
					c.send(preface)
					if !overTCP {
						c.secured()
					}
					return c
				})
			})
		}
	}, func(cfg *proxy.Config) { cfg.MaxConnectionsPerIP = limit })
}

func (g *rig) fill(t *testing.T, limit int, who neighbours, from func(preface string) *client) {
	tunnel := from(who.one)
	if got := tunnel.ask(upgradeRequest); got.status() != 101 {
		t.Fatalf("got %q", got.raw())
	}
	for range limit - 1 {
		if got := from(who.one).ask(plainGet); got.raw() != ok {
			t.Fatalf("got %q", got.raw())
		}
	}
	refused := said("503 Service Unavailable", asText, "too many connections\n", closes)
	for range 20 {
		c := from(who.same)
		if got := c.ask(plainGet); got.raw() != refused {
			t.Errorf("one too many got %q", got.raw())
		}
		c.closed()
	}
	const itself = "PROXY UNKNOWN\r\n" // the trusted peer, who speaks for many
	for _, preface := range []string{who.other, itself, itself, itself, itself} {
		if got := from(preface).ask(plainGet); got.raw() != ok {
			t.Errorf("another address got %q", got.raw())
		}
	}
	tunnel.send("frame")
	if got := tunnel.read(5); got != "frame" {
		t.Errorf("the tunnel echoes %q", got)
	}
	tunnel.Close()
	eventually(t, "there is room", func() bool {
		c := from(who.same)
		defer c.Close()
		got := c.ask(plainGet)
		return got.raw() == ok
	})
}
