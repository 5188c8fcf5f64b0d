package proxy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// manners are the ways in which a backend answers the request with a nonce; the broken ones leave something behind that
// must never reach another client. (What a backend sends between our look at an idle connection and our request on it
// cannot be told from the reply; no such backend is among them.)
var manners = []func(c *backendConn, nonce string) (more bool){
	func(c *backendConn, nonce string) bool { c.send(nonced("", nonce)); return true },
	func(c *backendConn, nonce string) bool {
		c.send("HTTP/1.1 200 OK\r\nX-Nonce: " + nonce + "\r\nTransfer-Encoding: chunked\r\n\r\n")
		c.send(hex(len(nonce)) + "\r\n" + nonce + "\r\n0\r\n\r\n")
		return true
	},
	func(c *backendConn, nonce string) bool {
		c.send(nonced("", nonce) + nonced("", "stranger"))
		return true
	},
	func(c *backendConn, nonce string) bool { c.send(nonced("Connection: close\r\n", nonce)); return false },
	func(c *backendConn, nonce string) bool { c.send(nonced("", nonce)); return false },
	func(c *backendConn, nonce string) bool { c.reset(); return false },
	func(c *backendConn, nonce string) bool { c.send(nonced("", nonce)[:60]); return false },
	func(c *backendConn, nonce string) bool {
		<-time.After(3 * time.Millisecond)
		c.send(nonced("", nonce))
		return true
	},
	func(c *backendConn, nonce string) bool { c.send(hints + nonced("", nonce)); return true },
	func(c *backendConn, nonce string) bool {
		c.send("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" + nonce)
		return true
	},
}

func nonced(fields, nonce string) string {
	return "HTTP/1.1 200 OK\r\nX-Nonce: " + nonce + "\r\n" + fields + "Content-Length: " + decimal(len(nonce)) + "\r\n\r\n" + nonce
}

// TestIsolation has 200 clients ask backends of which many replies are broken, and leave at random moments: every reply
// carries the nonce of its own request.
func TestIsolation(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 3, nil)
	for i, b := range g.backends {
		b.serve(func(c *backendConn) {
			dice := rand.New(rand.NewPCG(uint64(i), uint64(c.nr)))
			for {
				m, more := c.next()
				if !more || !manners[dice.IntN(len(manners))](c, m.value("X-Nonce")) {
					return
				}
			}
		})
	}
	var work sync.WaitGroup
	var answered atomic.Int64
	for i := range 200 {
		work.Go(func() { answered.Add(int64(g.isolated(t, i))) })
	}
	work.Wait()
	if n := answered.Load(); n < 500 {
		t.Errorf("%d whole replies of 2,000 requests, want a fair share at least", n)
	}
}

// isolated sends ten requests as one client and returns how many of them were answered whole.
func (g *rig) isolated(t *testing.T, client int) (answered int) {
	dice := rand.New(rand.NewPCG(1, uint64(client)))
	c := g.dial(t)
	for i := range 10 {
		nonce := fmt.Sprintf("nonce-%d-%d", client, i)
		method := []string{"GET", "POST", "HEAD"}[dice.IntN(3)]
		c.send(method + " /x" + asked + "X-Nonce: " + nonce + "\r\nContent-Length: 0\r\n\r\n")
		if dice.IntN(6) == 0 {
			c.reset()
			c = g.dial(t)
			continue
		}
		c.wait()
		m, err := readReply(c.r, method)
		for err == nil && m.status() == 103 {
			m, err = readReply(c.r, method)
		}
		own := m.value("X-Nonce") == nonce && strings.HasPrefix(nonce, m.body)
		if m.status() == 200 && !own || strings.Contains(m.raw(), "stranger") {
			t.Errorf("%s got %q", nonce, m.raw())
		}
		if err == nil && m.status() == 200 {
			answered++
		}
		if err != nil || m.value("Connection") == "close" {
			c.reset()
			c = g.dial(t)
		}
	}
	return answered
}

// TestLogs sends secrets in every place that could get into a log, with requests that are carried, refused and lost.
func TestLogs(t *testing.T) {
	t.Parallel()
	secrets := []string{"cookie-secret", "bearer-secret", "body-secret", "field-secret", "sid-secret-sid-secret", "reply-secret"}
	g := startProxy(t, 2, func(cfg *proxy.Config) {
		cfg.AccessLog = true
		cfg.Cookie = named
	})
	g.backend(0).serve(answeringBy(func(m message) string {
		switch {
		case strings.Contains(m.target(), "broken"):
			return "HTTP/1.1 999 reply-secret\r\n\r\n"
		case m.target() == handshakeTarget:
			return opened("sid-secret-sid-secret")
		}
		return reply("200 OK", "reply-secret")
	}))
	g.backend(1).serve(func(c *backendConn) { c.next(); c.reset() })
	fields := asked + "Cookie: hf=cookie-secret\r\nAuthorization: Bearer bearer-secret\r\nX-Field: field-secret\r\n"
	for _, request := range []string{
		"GET " + handshakeTarget + fields + "\r\n",
		"GET " + pollTarget + "sid-secret-sid-secret" + fields + "\r\n",
		"GET " + pollTarget + "sid-secret-sid-secret-unknown" + fields + "\r\n",
		"POST /broken" + fields + "Content-Length: 11\r\n\r\nbody-secret",
		"POST /x" + fields + "Transfer-Encoding: chunked\r\n\r\nbody-secret\r\n",
		"POST /x" + fields + "Content-Length: x\r\n\r\nbody-secret",
		"GET /x" + fields + "cookie-secret body-secret\r\n\r\n",
		"cookie-secret / HTTP/1.1\r\n\r\n",
	} {
		for range 4 {
			c := g.dial(t)
			c.send(request)
			c.reply()
			c.Close()
		}
	}
	eventually(t, "the requests that were carried are logged", func() bool { return strings.Count(g.log.String(), "msg=request") >= 20 })
	log := g.log.String()
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log tells %s:\n%s", secret, log)
		}
	}
}
