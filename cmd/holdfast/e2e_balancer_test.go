package main_test

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// balance starts a TCP balancer that joins each connection to the next address,
// and returns its URL. It lasts as long as the test.
func balance(t *testing.T, addrs []string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open connections
	var work sync.WaitGroup
	work.Go(func() {
		for turn := 0; ; turn++ {
			client, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { join(client, addrs[turn%len(addrs)], &open) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.closeAll()
		work.Wait()
	})
	return fmt.Sprintf("http://%s", l.Addr())
}

// join carries bytes and ends of stream between a client and an address.
func join(client net.Conn, addr string, open *connections) {
	server, err := net.Dial("tcp", addr)
	if err != nil {
		client.Close()
		return
	}
	defer open.add(client, server)()
	var up sync.WaitGroup
	up.Go(func() { pass(server, client) })
	pass(client, server)
	up.Wait()
}

func pass(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if err != nil {
		to.Close() // so that the other direction ends as well
		from.Close()
		return
	}
	_ = to.(*net.TCPConn).CloseWrite()
}

// connections are those that must be closed at the end. The zero value is ready.
type connections struct {
	mu     sync.Mutex
	open   []net.Conn
	closed bool
}

// add notes connections until the returned function, which closes them, is called.
func (c *connections) add(conns ...net.Conn) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		closeEach(conns)
	}
	c.open = append(c.open, conns...)
	return func() {
		closeEach(conns)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open = slices.DeleteFunc(c.open, func(o net.Conn) bool { return slices.Contains(conns, o) })
	}
}

func (c *connections) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	closeEach(c.open)
}

func closeEach(conns []net.Conn) {
	for _, c := range conns {
		c.Close()
	}
}
