package proxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// client is a raw connection to the proxy. It is for one goroutine at a time.
type client struct {
	conn
	t   testing.TB
	r   *bufio.Reader
	tcp *net.TCPConn // below conn

	lastCloses bool // the last reply was to be the connection's last
}

// dial connects to the proxy, by TLS if all do; the connection is closed with the test t, before the proxy is shut down.
func (g *rig) dial(t testing.TB) *client {
	t.Helper()
	nc, err := net.DialTimeout("tcp", g.addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	tcp := nc.(*net.TCPConn)
	c := &client{conn: tcp, t: t, r: bufio.NewReader(tcp), tcp: tcp}
	if g.secure {
		c.secured()
	}
	return c
}

// conn is what a client speaks through: TCP, or TLS over it.
type conn interface {
	net.Conn
	CloseWrite() error
}

// send writes raw bytes. That the proxy has closed already is no failure: what it said before it did is there to read.
func (c *client) send(raw string) {
	c.t.Helper()
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.Write([]byte(raw))
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Fatal(err)
	}
}

// reply reads the next reply, interim ones included, to a GET or the like.
func (c *client) reply() message {
	c.t.Helper()
	return c.replyTo("GET")
}

// replyTo reads the next reply to a request of that method.
func (c *client) replyTo(method string) message {
	c.t.Helper()
	c.wait()
	m, err := readReply(c.r, method)
	if err != nil {
		c.t.Fatalf("reply %q: %v", m.raw(), err)
	}
	c.lastCloses = strings.EqualFold(m.value("Connection"), "close")
	return m
}

// ask sends a request and reads its reply.
func (c *client) ask(raw string) message {
	c.t.Helper()
	c.send(raw)
	return c.reply()
}

// rest reads all that comes until the proxy closes. An RST counts as a close: the test has sent more than it wants.
func (c *client) rest() string {
	c.t.Helper()
	c.wait()
	b, err := io.ReadAll(c.r)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Fatalf("after %q: %v", b, err)
	}
	return string(b)
}

// read reads exactly n bytes.
func (c *client) read(n int) string {
	c.t.Helper()
	c.wait()
	s, err := readN(c.r, int64(n))
	if err != nil {
		c.t.Fatalf("after %q: %v", s, err)
	}
	return s
}

// closed fails the test unless the proxy closes without another byte.
func (c *client) closed() {
	c.t.Helper()
	if rest := c.rest(); rest != "" {
		c.t.Errorf("got %q, want the connection closed", rest)
	}
}

// reset ends the connection with an RST.
func (c *client) reset() {
	_ = c.tcp.SetLinger(0)
	c.tcp.Close()
}

func (c *client) wait() { _ = c.SetReadDeadline(time.Now().Add(patience)) }
