package proxy_test

import (
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// TestTheEndOfATunnelIsLogged has a client and a backend speak, and the backend end it.
func TestTheEndOfATunnelIsLogged(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.AccessLog = true })
	c, b := g.tunnel(t)
	c.send("12345")
	b.read(5)
	b.send("123")
	b.Close()
	if got := c.rest(); got != "123" {
		t.Errorf("the client got %q", got)
	}
	c.Close()
	const want = `msg="tunnel ended" cause="backend closed" backend=b0 sid="" client=127.0.0.1 to_client=3 to_backend=5 took=`
	eventually(t, "the end is logged", func() bool { return strings.Contains(g.log.String(), want) })
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
