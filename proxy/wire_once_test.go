package proxy_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// deaths are the ways in which a backend lets a request down once it has read it.
var deaths = map[string]func(*backendConn){
	"by FIN":               func(*backendConn) {},
	"by RST":               (*backendConn).reset,
	"by half a head":       func(c *backendConn) { c.send("HTTP/1.1 200 OK\r\nX") },
	"by an interim reply":  func(c *backendConn) { c.send(hints) },
	"by a malformed reply": func(c *backendConn) { c.send("HTTP/1.1 999 X\r\n\r\n") },
	"by half a body":       func(c *backendConn) { c.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") },
}

// silences are the ways in which a backend says nothing, or nothing more.
var silences = map[string]func(*backendConn){
	"by silence":                         func(c *backendConn) { c.drain() },
	"by silence behind an interim reply": func(c *backendConn) { c.send(hints); c.drain() },
}

// lastRequests are those that may be sent once at most.
var lastRequests = map[string]string{
	"a poll":                poll("once"),
	"a POST":                post("once"),
	"an upgrade with a sid": "GET " + pollTarget + "once HTTP/1.1\r\nHost: a\r\n" + upgradeFields + "\r\n",
	"a POST without sid":    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n4",
	"an empty POST":         "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	"a DELETE":              "DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n",
	"a GET with a body":     "GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n4",
	"a chunked GET":         "GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n0\r\n\r\n",
}

// TestSentOnce lets requests down that a backend may have acted on: they must not be sent again, to whomever.
func TestSentOnce(t *testing.T) {
	t.Parallel()
	for kind, request := range lastRequests {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := newOnceRun(t, request, 0)
			for death, die := range deaths {
				t.Run(death+" on a used connection", func(t *testing.T) { k.sentOnce(t, die, "") })
				t.Run(death+" on a new connection", func(t *testing.T) { k.sentOnce(t, die, "surplus") })
			}
		})
	}
}

// TestSilence lets requests wait in vain: they are given up in the end, and not sent again.
func TestSilence(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"a poll", "a POST", "an upgrade with a sid", "a chunked GET"} {
		for silence, die := range silences {
			t.Run(kind+" ended "+silence, func(t *testing.T) {
				t.Parallel()
				newOnceRun(t, lastRequests[kind], 2*time.Second).sentOnce(t, die, "")
			})
		}
	}
}

// onceRun sends a request to backends that let it down in one way after the other.
type onceRun struct {
	*rig
	request string
	death   atomic.Pointer[death]
}

type death struct {
	die    func(*backendConn)
	behind string // what follows the reply before: with surplus, its connection is not used again
}

func newOnceRun(t *testing.T, request string, timeout time.Duration) *onceRun {
	k := &onceRun{request: request}
	k.rig = startProxy(t, 2, func(cfg *proxy.Config) { cfg.PollTimeout = timeout })
	for _, b := range k.backends {
		b.serve(func(c *backendConn) {
			for {
				m, more := c.next()
				switch {
				case !more:
					return
				case m.target() != handshakeTarget:
					k.death.Load().die(c)
					return
				}
				c.send(opened("once") + k.death.Load().behind)
			}
		})
	}
	return k
}

func (k *onceRun) sentOnce(t *testing.T, die func(*backendConn), behind string) {
	target := strings.Split(k.request, " ")[1]
	k.death.Store(&death{die, behind})
	before := k.backend(0).count(target) + k.backend(1).count(target)
	c := k.dial(t)
	defer c.Close()
	c.ask(handshake4)
	c.ask(handshake4) // at the other backend, so that each has an idle connection
	c.send(k.request)
	c.wait()
	got, err := readReply(c.r, "GET")
	for err == nil && got.status() == 103 {
		got, err = readReply(c.r, "GET")
	}
	if err == nil && got.status() < 400 {
		t.Errorf("the client got %q", got.raw())
	}
	if n := k.backend(0).count(target) + k.backend(1).count(target) - before; n != 1 {
		t.Errorf("the request was sent %d times", n)
	}
}

// TestSentAgain closes reused connections under requests that have no sid and no body, and that are safe: they get a
// second attempt, and no third one.
func TestSentAgain(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		for _, target := range []string{"/x", "/socket.io/?EIO=4&transport=polling&t=x"} {
			for _, deaths := range []int{1, 2} {
				t.Run(method+" "+target+" after "+decimal(deaths), func(t *testing.T) {
					t.Parallel()
					sentAgain(t, method, target, deaths)
				})
			}
		}
	}
}

func sentAgain(t *testing.T, method, target string, deaths int) {
	g := startProxy(t, 1, nil)
	g.backend(0).serve(func(c *backendConn) {
		for {
			m, more := c.next()
			if !more || m.target() == target && c.nr < deaths {
				return
			}
			c.send(ok)
		}
	})
	c := g.dial(t)
	c.ask(plainGet)
	c.send(method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n")
	want := map[int]int{1: 200, 2: 502}[deaths]
	if got := c.replyTo(method); got.status() != want {
		t.Errorf("got %q, want %d", got.raw(), want)
	}
	if n := g.backend(0).count(target); n != 2 {
		t.Errorf("the request was sent %d times, want 2", n)
	}
}

// TestClientLeaves ends clients whose requests wait at a backend: the backend must hear of it at once.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*client){
		"by FIN":                        func(c *client) { c.Close() },
		"by RST":                        (*client).reset,
		"by half a FIN":                 func(c *client) { _ = c.CloseWrite() },
		"by FIN behind another request": func(c *client) { c.send(plainGet); c.Close() },
	} {
		if loops < 0 && bytesBefore[name] {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			g.session(t, 0, "left").Close()
			waiting, over := make(chan struct{}), make(chan struct{})
			g.backend(0).serve(func(c *backendConn) {
				m, more := c.next()
				if !more || m.method() != "GET" {
					return
				}
				close(waiting)
				c.drain()
				close(over)
			})
			for _, c := range g.backend(0).all() {
				c.Close()
			}
			c := g.dial(t)
			c.send(poll("left"))
			<-waiting
			leave(c)
			select {
			case <-over:
			case <-time.After(patience):
				t.Error("the backend did not hear of it")
			}
			if n := g.backend(0).count(pollTarget + "left"); n != 1 {
				t.Errorf("the poll was sent %d times", n)
			}
		})
	}
}
