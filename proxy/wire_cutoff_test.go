package proxy_test

import (
	"strings"
	"testing"
)

// cutOffRow is a request that waits at a backend which ends its connection, and what the client gets.
type cutOffRow struct {
	name    string
	request string // with SID for the session's
	die     string // one of deaths
	want    string
}

var cutOffRows = []cutOffRow{
	{"a browser's poll ends politely", waits + "4" + asked + browser + "\r\n", "by FIN", ended},
	{"a browser's poll that is reset does too", waits + "4" + asked + browser + "\r\n", "by RST", ended},
	{"a browser's EIO=3 poll does in its own framing", waits + "3" + asked + browser + "\r\n", "by FIN", said("200 OK", asPacket, "1:1", "")},
	{"Node's poll ends politely", waits + "4" + asked + node + "\r\n", "by RST", ended},
	{"Python's poll may be tried again, for all that anybody knows", waits + "4" + asked + "User-Agent: python-requests/2.31\r\n\r\n", "by FIN", badGateway},
	{"what has begun to be answered is no silence", waits + "4" + asked + browser + "\r\n", "by half a head", badGateway},
	{"nor is an interim reply", waits + "4" + asked + browser + "\r\n", "by an interim reply", hints + badGateway},
	{"nor is a malformed reply", waits + "4" + asked + browser + "\r\n", "by a malformed reply", badGateway},
	{"a browser's POST is lost", "POST /socket.io/?EIO=4&sid=SID" + asked + browser + "Content-Length: 1\r\n\r\n4", "by FIN", badGateway},
	{"a browser's upgrade is", "GET /socket.io/?EIO=4&transport=websocket&sid=SID" + asked + browser + upgradeFields + "\r\n", "by FIN", badClose},
	{"a browser's poll of a session that is searched for is no session's end", strings.Replace(waits, "SID", "another", 1) + "4" + asked + browser + "\r\n", "by FIN", badGateway},
	{"a page is none", "POST /x" + asked + browser + "Content-Length: 1\r\n\r\n4", "by FIN", badGateway},
}

// TestCutOff has a live backend end its connection under a request. Whatever the client is told, the proxy takes the session
// for no more ended than it knows: its next request is the backend's to answer.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for _, row := range cutOffRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			g.session(t, 0, "lives").Close()
			g.backend(0).serve(func(c *backendConn) {
				c.next()
				deaths[row.die](c)
			})
			for _, c := range g.backend(0).all() {
				c.Close()
			}
			c := g.dial(t)
			c.send(strings.Replace(row.request, "SID", "lives", 1))
			got := c.reply()
			all := got.raw()
			if got.status() == 103 {
				got = c.reply()
				all += got.raw()
			}
			if all != row.want {
				t.Errorf("the client got %q, want %q", all, row.want)
			}
			g.backend(0).serve(answering(ok))
			if got := g.dial(t).ask(poll("lives")); got.raw() != ok {
				t.Errorf("the session's next request got %q", got.raw())
			}
		})
	}
}
