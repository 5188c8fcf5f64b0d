package proxy_test

import (
	"crypto/rand"
	"io"
	"strings"
	"sync"
	"testing"
)

// upgradeRow is a backend's answer to a request for a WebSocket.
type upgradeRow struct {
	name   string
	fields string // more field lines of the request
	early  string // what the client sends right behind it
	answer string // all that the backend says, before it closes
	want   string // all that the client gets, before it is closed
	gets   string // what the backend gets behind the request
}

const (
	switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	acceptedOn = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	onward     = "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)

var upgradeRows = []upgradeRow{
	{name: "a 101 opens a tunnel", answer: switching, want: switched},
	{name: "the fields of a 101 go on", answer: accepted + "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSet-Cookie: a=b\r\n\r\n",
		want: acceptedOn + "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSet-Cookie: a=b\r\n" + onward},
	{name: "a frame right behind the 101 is kept", answer: accepted + "\r\n\x81\x02hi", want: acceptedOn + onward + "\x81\x02hi"},
	{name: "raw HTTP behind the 101 is kept, as a server without EIO=3 sends it", answer: switching + "HTTP/1.1 400 Bad Request\r\n\r\n{}",
		want: switched + "HTTP/1.1 400 Bad Request\r\n\r\n{}"},
	{name: "another 101 behind the 101 is kept", answer: switching + switching, want: switched + switching},
	{name: "64 KiB right behind the 101 are kept", answer: switching + strings.Repeat("x", 64<<10), want: switched + strings.Repeat("x", 64<<10)},
	{name: "a frame right behind the request is kept", early: "\x81\x80abcd", answer: switching, want: switched, gets: "\x81\x80abcd"},
	{name: "64 KiB right behind the request are kept", early: strings.Repeat("y", 64<<10), answer: switching, want: switched, gets: strings.Repeat("y", 64<<10)},
	{name: "a request right behind the request is bytes", early: plainGet, answer: switching, want: switched, gets: plainGet},
	{name: "line ends of any kind are bytes", early: "\r\n\n\r\x00", answer: switching + "\x00\r\n\n", want: switched + "\x00\r\n\n", gets: "\r\n\n\r\x00"},
	{name: "a 100 before the 101 is swallowed", answer: "HTTP/1.1 100 Continue\r\n\r\n" + switching, want: switched},
	{name: "a 103 before the 101 goes on", answer: hints + switching, want: hints + switched},
	{name: "what the 101 says of the connection is ours to say", answer: "HTTP/1.1 101 X\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade, A\r\nA: b\r\nKeep-Alive: x\r\n\r\n",
		want: "HTTP/1.1 101 X\r\n" + onward},
	{name: "subprotocols of the request go on", fields: "Sec-WebSocket-Protocol: x, y\r\n", answer: switching, want: switched},

	{name: "a 400 is an ordinary reply", answer: reply("400 Bad Request", "Session ID unknown"), want: closing("400 Bad Request", "Session ID unknown")},
	{name: "a 403 without a body is an ordinary reply", answer: reply("403 Forbidden", ""), want: closing("403 Forbidden", "")},
	{name: "a 200 is an ordinary reply", answer: ok, want: closing("200 OK", "ok")},
	{name: "a 426 is an ordinary reply", answer: "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n",
		want: "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
	{name: "a redirect is an ordinary reply", answer: "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
		want: "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
	{name: "a refusal in chunks is an ordinary reply", answer: chunked + "2\r\nno\r\n0\r\n\r\n",
		want: "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"},
	{name: "a refusal until the end is an ordinary reply", answer: "HTTP/1.1 400 X\r\nConnection: close\r\n\r\nno",
		want: "HTTP/1.1 400 X\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"},
	{name: "a request behind a refused one is not carried out", early: plainGet, answer: reply("400 Bad Request", ""), want: closing("400 Bad Request", "")},
	{name: "frames behind a refused request go nowhere", early: "\x81\x80abcd", answer: reply("400 Bad Request", ""), want: closing("400 Bad Request", "")},
	{name: "a 101 to h2c is refused", answer: "HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", want: badClose},
	{name: "a 101 to two protocols is refused", answer: "HTTP/1.1 101 X\r\nUpgrade: websocket, h2c\r\nConnection: Upgrade\r\n\r\n", want: badClose},
	{name: "a 101 to nothing is refused", answer: "HTTP/1.1 101 X\r\n\r\n", want: badClose},
	{name: "a 101 with a body is refused", answer: "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nhi", want: badClose},
	{name: "a malformed 101 is refused", answer: "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nA B: c\r\n\r\n", want: badClose},
	{name: "half a 101 is refused", answer: "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n", want: badClose},
	{name: "no reply is refused", answer: "", want: badClose},
}

// closing is the reply that becomes of one to an upgrade: it is the connection's last.
func closing(status, body string) string {
	return "HTTP/1.1 " + status + "\r\nContent-Length: " + decimal(len(body)) + "\r\nConnection: close\r\n\r\n" + body
}

// TestUpgrades holds both ends of each upgrade against its row, byte by byte.
func TestUpgrades(t *testing.T) {
	t.Parallel()
	for _, row := range upgradeRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			got := make(chan string, 1)
			g.backend(0).serve(func(c *backendConn) {
				if _, more := c.next(); !more {
					got <- "nothing"
					return
				}
				c.send(row.answer)
				behind, _ := readN(c.r, int64(len(row.gets)))
				_ = c.CloseWrite()
				if strings.Contains(row.want, "101 ") { // a tunnel is to be closed on this side too, other connections lie idle
					behind += c.drain()
				}
				got <- behind
			})
			c := g.dial(t)
			c.send("GET /ws HTTP/1.1\r\nHost: a\r\n" + upgradeFields + row.fields + "\r\n" + row.early)
			const one, other = "Transfer-Encoding: chunked\r\n" + closes, closes + "Transfer-Encoding: chunked\r\n" // equally good
			if all := strings.Replace(c.rest(), one, other, 1); all != row.want {
				t.Errorf("the client got %.300q, want %.300q", all, row.want)
			}
			c.Close()
			if behind := <-got; behind != row.gets {
				t.Errorf("the backend got %.300q behind the request, want %.300q", behind, row.gets)
			}
			if n := g.backend(0).dialled(); n != 1 {
				t.Errorf("the backend was dialled %d times", n)
			}
		})
	}
}

// tunnel opens a tunnel and returns both its ends; the backend's is the test's until it ends.
func (g *rig) tunnel(t *testing.T) (*client, *backendConn) {
	t.Helper()
	return g.tunnelFor(t, upgradeRequest)
}

// tunnelFor opens a tunnel with that request.
func (g *rig) tunnelFor(t *testing.T, request string) (*client, *backendConn) {
	t.Helper()
	ends, over := make(chan *backendConn), make(chan struct{})
	t.Cleanup(func() { close(over) })
	g.backend(0).serve(func(c *backendConn) {
		c.next()
		c.send(switching)
		ends <- c
		<-over
	})
	c := g.dial(t)
	c.send(request)
	end := <-ends
	if got := c.reply(); got.raw() != switched {
		t.Fatalf("got %q", got.raw())
	}
	return c, end
}

// talks are what can be said through an open tunnel, from both its ends.
var talks = map[string]func(*testing.T, *client, *backendConn){
	"the client's half-close goes on, and the backend may still speak": func(t *testing.T, c *client, b *backendConn) {
		c.send("bye")
		_ = c.CloseWrite()
		if got := b.drain(); got != "bye" {
			t.Errorf("the backend got %q", got)
		}
		b.send("late")
		b.Close()
		if got := c.rest(); got != "late" {
			t.Errorf("the client got %q", got)
		}
	},
	"the backend's half-close goes on, and the client may still speak": func(t *testing.T, c *client, b *backendConn) {
		b.send("bye")
		_ = b.CloseWrite()
		if got := c.rest(); got != "bye" {
			t.Errorf("the client got %q", got)
		}
		c.send("late")
		c.Close()
		if got := b.drain(); got != "late" {
			t.Errorf("the backend got %q", got)
		}
	},
	"an RST of the backend ends the client": func(t *testing.T, c *client, b *backendConn) {
		b.reset()
		c.closed()
	},
	"an RST of the client ends the backend": func(t *testing.T, c *client, b *backendConn) {
		c.reset()
		if got := b.drain(); got != "" {
			t.Errorf("the backend got %q", got)
		}
	},
	"a megabyte each way arrives as it is": func(t *testing.T, c *client, b *backendConn) {
		up, down := noise(t), noise(t)
		var work sync.WaitGroup
		work.Go(func() { c.send(up); _ = c.CloseWrite() })
		work.Go(func() { b.send(down); _ = b.CloseWrite() })
		work.Go(func() {
			if got := b.drain(); got != up {
				t.Errorf("the backend got %d other bytes", len(got))
			}
		})
		if got := c.rest(); got != down {
			t.Errorf("the client got %d other bytes", len(got))
		}
		work.Wait()
	},
}

// TestTunnel talks through open tunnels.
func TestTunnel(t *testing.T) {
	t.Parallel()
	for name, talk := range talks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, nil)
			c, b := g.tunnel(t)
			talk(t, c, b)
		})
	}
}

func noise(t *testing.T) string {
	var b strings.Builder
	if _, err := io.CopyN(&b, rand.Reader, 1<<20); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
