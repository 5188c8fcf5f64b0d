package proxy_test

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// heard is what a talk has told, piece by piece; the last one has an error, or is that with which it had heard enough.
type heard struct {
	pieces chan string
	until  string // what is enough
}

func (h *heard) reply(p []byte, err error) (more bool) {
	switch {
	case err != nil:
		h.pieces <- "error: " + err.Error()
	case p == nil:
		h.pieces <- "connected"
	default:
		h.pieces <- string(p)
	}
	return h.until == "" || !strings.Contains(string(p), h.until)
}

// await returns what has been told up to something that contains last.
func (h *heard) await(t *testing.T, last string) (all string) {
	t.Helper()
	for {
		select {
		case p := <-h.pieces:
			if all += p + "\n"; strings.Contains(all, last) {
				return all
			}
		case <-time.After(patience):
			t.Fatalf("heard %q, and never %q", all, last)
		}
	}
}

// onLoop returns a proxy that serves, and has loops.
func onLoop(t *testing.T) *proxy.Proxy {
	t.Helper()
	g := startProxy(t, 0, nil)
	c := g.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n") // to be answered means that Serve has begun
	c.reply()
	if _, err := g.proxy.Talk("tcp", "localhost:1", nil, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("to a name: %v", err)
	}
	return g.proxy
}

// serveEach listens, and has every connection answered.
func serveEach(t *testing.T, ln net.Listener, answer func(net.Conn)) string {
	t.Helper()
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			answer(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-served })
	return ln.Addr().String()
}

func echoOnce(c net.Conn) {
	p := make([]byte, 64)
	n, _ := c.Read(p)
	c.Write(p[:n])
}

func TestTalksTellWhatComesBackAndItsEnd(t *testing.T) {
	if loops <= 0 {
		p := startProxy(t, 0, nil).proxy
		if _, err := p.Talk("tcp", "127.0.0.1:1", nil, nil); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("without a loop: %v", err)
		}
		return
	}
	p := onLoop(t)
	tcp := serveEach(t, listen(t), echoOnce)
	path := filepath.Join(t.TempDir(), "s")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	serveEach(t, unix, echoOnce)
	gone := listen(t)
	gone.Close()
	for name, c := range map[string]struct{ network, address, until, want string }{
		"all, and the end":           {"tcp", tcp, "", "connected\nhello\nerror: EOF\n"},
		"over a Unix socket":         {"unix", path, "", "connected\nhello\nerror: EOF\n"},
		"until enough is heard":      {"tcp", tcp, "hell", "connected\nhello\n"},
		"that nobody listens":        {"tcp", gone.Addr().String(), "", "error: connect: " + syscall.ECONNREFUSED.Error() + "\n"},
		"a read that is not a whole": {"tcp", serveEach(t, listen(t), func(c net.Conn) { io.WriteString(c, "x") }), "x", "connected\nx\n"},
	} {
		h := &heard{pieces: make(chan string, 16), until: c.until}
		if _, err := p.Talk(c.network, c.address, []byte("hello"), h.reply); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		lines := strings.Split(strings.TrimSpace(c.want), "\n")
		if got := h.await(t, lines[len(lines)-1]); got != c.want {
			t.Errorf("%s: heard %q, want %q", name, got, c.want)
		}
	}
	if _, err := p.Talk("unix", filepath.Join(t.TempDir(), "none"), nil, nil); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("to a path where nothing is: %v", err)
	}
}

func TestATalkThatIsHungUpEndsAtTheOtherSide(t *testing.T) {
	if loops <= 0 {
		t.Log("no loop carries anything in this run")
		return
	}
	p := onLoop(t)
	ended := make(chan error, 1)
	addr := serveEach(t, listen(t), func(c net.Conn) {
		_, err := io.Copy(io.Discard, c)
		ended <- err
	})
	h := &heard{pieces: make(chan string, 16)}
	hangUp, err := p.Talk("tcp", addr, []byte("hello"), h.reply)
	if err != nil {
		t.Fatal(err)
	}
	h.await(t, "connected")
	hangUp()
	hangUp()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the connection is still open")
	}
}

func TestAfterCallsOnceTheTimeHasPassed(t *testing.T) {
	const soon = 5 * time.Millisecond
	p := startProxy(t, 0, nil).proxy
	for inTime := false; !inTime; { // an attempt that was off the processor between After and stop shows nothing
		var stopped atomic.Bool
		called := make(chan struct{})
		from := time.Now()
		stop := p.After(soon, func() { stopped.Store(true) })
		stop()
		inTime = time.Since(from) < soon
		p.After(2*soon, func() { close(called) })
		select {
		case <-called:
		case <-time.After(patience):
			t.Fatal("was not called")
		}
		if took := time.Since(from); took < 2*soon {
			t.Errorf("was called after %v, want %v at least", took, 2*soon)
		}
		if inTime && stopped.Load() {
			t.Error("a stopped call was made")
		}
	}
}
