package proxy_test

import "testing"

func TestSmoke(t *testing.T) {
	g := startProxy(t, 1, nil)
	c := g.dial(t)
	m := c.ask("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
	t.Logf("%q %q", m.raw(), g.backend(0).received())
	m = c.ask("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	t.Logf("%q %q", m.raw(), g.backend(0).received())
	c.closed()
}
