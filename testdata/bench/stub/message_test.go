//go:build linux

package stub

import "testing"

func TestARequestIsReadOnceItIsWhole(t *testing.T) {
	const (
		head = "POST /socket.io/?EIO=4&transport=polling&t=7&sid=web-1.1 HTTP/1.1\r\nHost: a\r\nCONTENT-LENGTH: 19\r\n\r\n"
		body = `42["say","8","..."]`
		post = head + body
		wait = "GET /socket.io/?EIO=4&wait=1&t=9&sid=any.5 HTTP/1.1\r\nHost: a\r\n\r\n"
	)
	for name, c := range map[string]struct {
		in         string
		n          int
		sid, nonce string
	}{
		"half a head is none":                       {head[:40], 0, "", ""},
		"a head without the body it announces":      {head + body[:5], 0, "", ""},
		"a POST is known by the nonce in its body":  {post, len(post), "web-1.1", "8"},
		"what follows belongs to the next":          {post + "GET ", len(post), "web-1.1", "8"},
		"a poll is known by its parameter t":        {wait, len(wait), "any.5", "9"},
		"a parameter is not found within another's": {"GET /?xsid=1&start=2 HTTP/1.1\r\n\r\n", 33, "", ""},
		"a target without a query asks for nothing": {"GET /health HTTP/1.1\r\n\r\n", 24, "", ""},
	} {
		req, n := parse([]byte(c.in))
		if n != c.n {
			t.Errorf("%s: took %d bytes, want %d", name, n, c.n)
		} else if n > 0 && (string(req.sid) != c.sid || string(req.nonce) != c.nonce) {
			t.Errorf("%s: sid %q and nonce %q, want %q and %q", name, req.sid, req.nonce, c.sid, c.nonce)
		}
	}
}

func TestABackendKnowsTheSessionsItHasOpened(t *testing.T) {
	s := &server{name: "web-1", opened: 12}
	for sid, want := range map[string]bool{
		"web-1.12":   true,
		"any.99":     true, // made up for a proxy that cannot pin
		"web-1.13":   false,
		"web-2.3":    false,
		"web-1.x":    false,
		"web-1":      false,
		"lost+sheep": false,
	} {
		if got := s.knows([]byte(sid)); got != want {
			t.Errorf("%q: known is %v, want %v", sid, got, want)
		}
	}
}
