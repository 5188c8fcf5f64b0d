package proxy_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
)

// panicRow is a fault of our own that the bytes "boom" set off somewhere, and what its client gets.
type panicRow struct {
	name  string
	tell  bool     // OnOutcome panics at every outcome
	parts []string // what the client sends, each part a read of its own
	want  string   // the status, 400 before the last part is sent; "": nothing
}

const boom = "boom"

var panicRows = []panicRow{
	{name: "where an outcome is told", tell: true, parts: []string{plainGet}, want: "500"},
	{name: "where an outcome is told while a body is sent", tell: true, parts: []string{"POST /early" + asked + "Content-Length: 100000\r\n\r\nhalf"}, want: "500"},
	{name: "where an outcome is told in a search", tell: true, parts: []string{poll("unknown")}, want: "500"},
	{name: "where an outcome is told of an upgrade", tell: true, parts: []string{upgradeRequest}, want: "500"},
	{name: "where a request begins", parts: []string{boom}},
	{name: "where a second request begins", parts: []string{plainGet, boom}},
	{name: "where a head is read", parts: []string{"GET / HTTP/1.1\r\n", "X: " + boom + "\r\n\r\n"}, want: "500"},
	{name: "where a short body is read", parts: []string{"POST /" + asked + "Content-Length: 10\r\n\r\n", boom}, want: "500"},
	{name: "where a long body is read", parts: []string{"POST /" + asked + "Content-Length: 100000\r\n\r\n", boom}, want: "500"},
	{name: "where the long body of a search is read", parts: []string{"POST " + pollTarget + "unknown" + asked + "Content-Length: 100000\r\n\r\n", boom}, want: "500"},
	{name: "where a reply is written", parts: []string{"GET /bo", "om" + asked + "\r\n"}},
	{name: "where what a refused client still sends is read", parts: []string{"GET /\r\n\r\n", boom}, want: "400"},
}

// TestPanics has faults of our own end the request that they are in, and its connection, and nothing else: they are logged
// once, with where they were, and all that the request had taken is given back.
func TestPanics(t *testing.T) {
	t.Parallel()
	for _, row := range panicRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var log logged
			g := startProxy(t, 1, func(cfg *proxy.Config) {
				cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
				if row.tell {
					cfg.OnOutcome = func(*routing.Backend, proxy.Outcome, netip.Addr) { panic(boom) }
				}
			})
			g.backend(0).serve(provoking)
			ln := trappedListener{listen(t)}
			g.listen(t, ln)
			row.provoke(t, g, ln.Addr().String())
			eventually(t, "all is given back", func() bool {
				s := g.proxy.Stats()
				return s.Connections == 0 && s.Requests == 0 && g.owner(t, 0).InFlight() == 0
			})
			eventually(t, "it is logged", func() bool { return strings.Contains(log.String(), "msg=panic") })
			if n := strings.Count(log.String(), "msg=panic"); n != 1 || !strings.Contains(log.String(), "panic_test.go") {
				t.Errorf("%d panics in the log, want one and its stack:\n%s", n, log.String())
			}
			if got := g.dial(t).ask(plainGet); !row.tell && got.raw() != ok {
				t.Errorf("another client got %q", got.raw())
			}
		})
	}
}

// provoke sends the row's parts to the address where connections are trapped, and holds what comes back against the row.
func (row *panicRow) provoke(t *testing.T, g *rig, addr string) {
	trap := rig{addr: addr}
	c := trap.dial(t)
	defer c.Close()
	last := len(row.parts) - 1
	for _, part := range row.parts[:last] {
		c.send(part)
		if refused := row.want == "400"; refused || part == plainGet {
			if got := c.reply(); (got.status() == 400) != refused {
				t.Errorf("got %q", got.raw())
			}
			continue
		}
		eventually(t, "the proxy waits for more", func() bool { return g.proxy.Stats().Requests == 1 })
	}
	c.send(row.parts[last])
	if row.want == "500" {
		if got := c.reply(); got.raw() != said("500 Internal Server Error", asText, "internal error\n", closes) {
			t.Errorf("got %q", got.raw())
		}
	}
	if rest := c.rest(); strings.Contains(rest, boom) {
		t.Errorf("got %q, want the connection closed", rest)
	}
}

// TestAPanicOfOursEndsNoSession has the body of a session's POST panic: the session's polls go on.
func TestAPanicOfOursEndsNoSession(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.NoSeek, cfg.Logger = true, nil })
	g.session(t, 0, "lives").Close()
	eventually(t, "the handshake is over", func() bool { return g.proxy.Stats().Requests == 0 })
	ln := trappedListener{listen(t)}
	g.listen(t, ln)
	trap := &rig{addr: ln.Addr().String()}
	c := trap.dial(t)
	c.send("POST " + pollTarget + "lives" + asked + "Content-Length: 100000\r\n\r\n")
	eventually(t, "the body is waited for", func() bool { return g.proxy.Stats().Requests == 1 })
	if got := c.ask(boom); got.status() != 500 {
		t.Errorf("got %q", got.raw())
	}
	if got := g.dial(t).ask(poll("lives")); got.raw() != ok {
		t.Errorf("a poll of its session got %q", got.raw())
	}
}

// TestAPanicOfACallbackDoesNotEndSweeping has a listener to the pool's changes panic on the goroutine that sweeps.
func TestAPanicOfACallbackDoesNotEndSweeping(t *testing.T) {
	t.Parallel()
	var log logged
	g := startProxy(t, 2, func(cfg *proxy.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		cfg.Pool.OnChange(func(ch routing.Change) {
			if ch.To == routing.Removed {
				panic(boom)
			}
		})
	})
	for _, gone := range g.backends {
		g.pool.SetState(gone.id, routing.Down)
	}
	if err := g.pool.Set([]routing.BackendConfig{{ID: "b0", URL: g.backend(0).url()}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a backend is swept", func() bool { return strings.Contains(log.String(), "doing=sweeping") })
	if err := g.pool.Set([]routing.BackendConfig{{ID: "b1", URL: g.backend(1).url()}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another one is", func() bool { return strings.Count(log.String(), "doing=sweeping") == 2 })
}

// provoking is the script that answers the rows' requests.
func provoking(c *backendConn) {
	for {
		m, err := readHead(c.r)
		switch {
		case err != nil:
			return
		case m.target() == "/early":
			c.send(ok)
			c.drain()
			return
		case m.readBody(c.r, false) != nil:
			return
		case m.target() == "/boom":
			c.send(reply("200 OK", boom))
		default:
			c.send(ok)
		}
	}
}

// trappedListener accepts connections that panic.
type trappedListener struct{ net.Listener }

func (l trappedListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return trapped{nc.(*net.TCPConn)}, nil
}

// trapped panics when boom goes through it. It is no syscall.Conn, so that all bytes do.
type trapped struct{ conn }

func (c trapped) NetConn() net.Conn { return c.conn }

func (c trapped) Read(p []byte) (int, error) {
	n, err := c.conn.Read(p)
	spring(p[:n])
	return n, err
}

func (c trapped) Write(p []byte) (int, error) {
	spring(p)
	return c.conn.Write(p)
}

func spring(p []byte) {
	if bytes.Contains(p, []byte(boom)) {
		panic(fmt.Sprint("sprung by ", len(p), " bytes"))
	}
}
