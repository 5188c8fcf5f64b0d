package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	patience = 30 * time.Second
	session  = "/socket.io/?EIO=4&transport=polling"
	large    = 200_000_000 // bytes of a download
	upgrade  = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)

// small keeps the kernel's buffers for connections of a socket small, so that thousands of them fit into its memory: on
// loopback segments are so large that an unread connection holds megabytes.
func small(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		if failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1400); failed == nil {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

func listenSmall() (net.Listener, error) {
	config := net.ListenConfig{Control: small}
	return config.Listen(context.Background(), "tcp", "127.0.0.1:0")
}

// connect connects a client that says nothing.
func (b *bench) connect() { b.dial() }

func (b *bench) dial() net.Conn {
	dialer := net.Dialer{Timeout: patience, Control: small}
	c, err := dialer.Dial("tcp", b.addr)
	check(err)
	b.clients = append(b.clients, c)
	check(c.SetDeadline(time.Now().Add(patience)))
	return c
}

// ask sends a request and returns the reply's body.
func ask(c net.Conn, target, fields string, status int) string {
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: memory\r\n%s\r\n", target, fields)
	check(err)
	reply, err := http.ReadResponse(bufio.NewReader(c), nil)
	check(err)
	if reply.StatusCode != status {
		check(fmt.Errorf("%s: got %s", target, reply.Status))
	}
	if status == http.StatusSwitchingProtocols {
		return ""
	}
	body, err := io.ReadAll(reply.Body)
	check(err)
	return string(body)
}

// idle connects a client that has been served and stays.
func (b *bench) idle() { ask(b.dial(), "/", "", http.StatusOK) }

func (b *bench) idleTLS() {
	c := tls.Client(b.dial(), &tls.Config{InsecureSkipVerify: true})
	ask(c, "/", "", http.StatusOK)
}

// poll connects a client that opens a session and polls it, and waits until its poll hangs at the backend.
func (b *bench) poll() {
	c := b.dial()
	body := ask(c, session, "", http.StatusOK)
	sid, _, found := strings.Cut(strings.TrimPrefix(body, `0{"sid":"`), `"`)
	if !found {
		check(fmt.Errorf("handshake: got %q", body))
	}
	before := b.held.Load()
	_, err := fmt.Fprintf(c, "GET %s&sid=%s HTTP/1.1\r\nHost: memory\r\n\r\n", session, sid)
	check(err)
	for until := time.Now().Add(patience); b.held.Load() == before; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(until) {
			check(fmt.Errorf("the poll does not arrive"))
		}
	}
}

// tunnel connects a client whose WebSocket is open.
func (b *bench) tunnel() {
	ask(b.dial(), "/socket.io/?EIO=4&transport=websocket", upgrade, http.StatusSwitchingProtocols)
}

// slow connects a client that asks for a download and reads nothing.
func (b *bench) slow() {
	_, err := io.WriteString(b.dial(), "GET /large HTTP/1.1\r\nHost: memory\r\n\r\n")
	check(err)
}

// accept is the backend.
func (b *bench) accept() {
	for {
		c, err := b.backend.Accept()
		if err != nil {
			return
		}
		go b.serve(c)
	}
}

// serve answers requests until the connection ends.
func (b *bench) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		request, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		query := request.URL.Query()
		switch {
		case request.Header.Get("Upgrade") != "":
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		case query.Get("sid") != "":
			b.held.Add(1)
		case query.Get("EIO") != "":
			reply(c, fmt.Sprintf(`0{"sid":"%020d","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}`, b.opened.Add(1)))
		case request.URL.Path == "/large":
			b.download(c)
		default:
			reply(c, "ok")
		}
	}
}

func reply(c net.Conn, body string) {
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// download sends a long reply for as long as somebody takes it.
func (b *bench) download(c net.Conn) {
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", large)
	for part := make([]byte, 16<<10); ; {
		n, err := c.Write(part)
		b.moved.Add(int64(n))
		if err != nil {
			return
		}
	}
}
