package healthcheck_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

// TestSickServers asks servers that are half dead in every way but politely.
func TestSickServers(t *testing.T) {
	say := func(words string) func(net.Conn) {
		return func(conn net.Conn) { _, _ = io.WriteString(conn, words) }
	}
	for name, handle := range map[string]func(net.Conn){
		"accepts and says nothing":    say(""),
		"stops inside the head":       say("HTTP/1.1 400 Bad Request\r\nContent-Ty"),
		"stops before the head's end": say("HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n"),
		"says that it is yet to come": say("HTTP/1.1 102 Processing\r\n\r\n"),
		"switches protocols unasked":  say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
		"speaks another protocol":     say("SSH-2.0-OpenSSH_9.2\r\n"),
		"has a head without an end":   say("HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Pad: aaaaaaaaaaaaaaaa\r\n", 10000)),
		"closes without a word":       func(conn net.Conn) { _ = conn.Close() },
		"resets the connection": func(conn net.Conn) {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		},
		"drips its head byte by byte": func(conn net.Conn) {
			for i := 0; ; i++ {
				if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n"[i%17:i%17+1]); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listen(t)
			raw(t, l, handle)
			for kind, probe := range map[string]healthcheck.Probe{
				"Engine.IO": engineIO(),
				"HTTP":      healthcheck.HTTP(healthcheck.Request{}),
			} {
				err := briefly(t, probe, "http://"+l.Addr().String())
				if err == nil || errors.Is(err, healthcheck.ErrNotEngineIO) {
					t.Errorf("%s: %v, want a failed check", kind, err)
				}
			}
		})
	}
}

func TestARefusalHasToArriveWhole(t *testing.T) {
	l := listen(t)
	raw(t, l, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\n{\"code\":1,")
	})
	if err := briefly(t, engineIO(), "http://"+l.Addr().String()); err == nil {
		t.Error("half a body counts as alive")
	}
}

func TestAnHTTPCheckDoesNotWaitForTheBody(t *testing.T) {
	l := listen(t)
	raw(t, l, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	})
	if err := once(t, healthcheck.HTTP(healthcheck.Request{}), "http://"+l.Addr().String()); err != nil {
		t.Errorf("a stream of events: %v", err)
	}
}

func TestAServerThatNoLongerAcceptsIsFoundByAskingOnly(t *testing.T) {
	url := "http://" + listen(t).Addr().String() // its backlog has room, but nobody accepts
	if err := briefly(t, engineIO(), url); err == nil {
		t.Error("Engine.IO: counts as alive")
	}
	if err := once(t, healthcheck.TCP(), url); err != nil {
		t.Errorf("TCP: %v", err)
	}
}

func TestAClosedPortFailsEveryProbe(t *testing.T) {
	l := listen(t)
	_ = l.Close()
	for kind, probe := range map[string]healthcheck.Probe{
		"Engine.IO": engineIO(), "HTTP": healthcheck.HTTP(healthcheck.Request{}), "TCP": healthcheck.TCP(),
	} {
		for _, url := range []string{
			"http://" + l.Addr().String(), "https://" + l.Addr().String(),
			"unix:" + filepath.Join(t.TempDir(), "no.sock"), "no URL",
		} {
			if err := once(t, probe, url); err == nil {
				t.Errorf("%s: %s counts as alive", kind, url)
			}
		}
	}
}

func TestACancelledCheckEndsAtOnce(t *testing.T) {
	l := listen(t)
	asked := make(chan struct{})
	raw(t, l, func(net.Conn) { close(asked) })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- engineIO().Ask(ctx, "http://"+l.Addr().String()) }()
	<-asked
	cancel()
	if err := <-ended; err == nil {
		t.Error("counts as alive")
	}
}
