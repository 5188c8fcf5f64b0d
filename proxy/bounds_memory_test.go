package proxy_test

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The limits stand at about twice what was measured, and below what one forgotten buffer would add.

// TestSilentClientsCostLittle connects clients that never say a word.
func TestSilentClientsCostLittle(t *testing.T) {
	const count, limit = 2000, 3 << 10
	g := startProxy(t, 1, nil)
	c := g.dial(t)
	c.ask(plainGet) // what is made once is made
	before, goroutines := footprint(), runtime.NumGoroutine()
	w := g.crowd(t, count)
	w.cost(before, limit)
	if n := runtime.NumGoroutine() - goroutines; n > count {
		t.Errorf("%d goroutines for %d clients", n, count)
	}
	if got := c.ask(plainGet); got.raw() != ok {
		t.Errorf("a client that speaks got %q", got.raw())
	}
	w.leave()
	eventually(t, "they are forgotten", func() bool { return g.proxy.Stats().Connections == 1 })
}

// TestIdleClientsCostLittle connects clients that have been served and stay.
func TestIdleClientsCostLittle(t *testing.T) {
	const count, limit = 1000, 3 << 10
	g := startProxy(t, 1, nil)
	g.backend(0).serve(forgetful)
	c := g.dial(t)
	c.ask(plainGet)
	before, goroutines := footprint(), runtime.NumGoroutine()
	w := g.crowd(t, count)
	for range 2 {
		w.ask(plainGet, ok)
	}
	w.cost(before, limit)
	if n := runtime.NumGoroutine() - goroutines; n > count+10 { // and some for the backend's connections
		t.Errorf("%d goroutines for %d clients", n, count)
	}
	if got := c.ask(plainGet); got.raw() != ok {
		t.Errorf("another client got %q", got.raw())
	}
	w.leave()
	eventually(t, "they are forgotten", func() bool { return g.proxy.Stats().Connections == 1 })
}

// forgetful is the script that answers every request with ok and keeps nothing of them.
func forgetful(c *backendConn) {
	for buf := make([]byte, 4<<10); ; {
		n, err := c.conn.Read(buf)
		if err != nil {
			return
		}
		if bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
			c.send(ok)
		}
	}
}

// cost demands that each client has added at most limit bytes to the footprint from before.
func (w *crowd) cost(before, limit int64) {
	w.t.Helper()
	each := (footprint() - before) / int64(len(w.fds))
	w.t.Logf("%d bytes each", each)
	if each > limit {
		w.t.Errorf("%d bytes each, want at most %d", each, limit)
	}
}

// TestClaimsCostLittle has clients announce much and send little of it: what has not come takes a buffer at most.
func TestClaimsCostLittle(t *testing.T) {
	const count, limit = 200, 48 << 10
	post := "POST /" + asked
	for name, row := range map[string]struct{ send, hear string }{
		"a length of 4 MB":              {send: post + "Content-Length: 4000000\r\n\r\n1"},
		"a length of 4 MB, and half":    {send: post + "Content-Length: 4000000\r\n\r\n" + strings.Repeat("x", 20<<10)},
		"a length of 16 KiB":            {send: post + "Content-Length: 16384\r\n\r\n1"},
		"a length, and to wait for 100": {send: post + "Content-Length: 4000000\r\nExpect: 100-continue\r\n\r\n", hear: "HTTP/1.1 100 Continue\r\n\r\n"},
		"a chunk of 64 MiB":             {send: post + "Transfer-Encoding: chunked\r\n\r\n4000000\r\n1"},
		"most of a head":                {send: "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 16000)},
		"most of a target":              {send: "GET /" + strings.Repeat("x", 8000)},
	} {
		t.Run(name, func(t *testing.T) {
			g := startProxy(t, 1, nil)
			g.backend(0).serve(func(c *backendConn) { _, _ = io.Copy(io.Discard, c.conn) })
			before := footprint()
			w := g.crowd(t, count)
			w.ask(row.send, row.hear)
			eventually(t, "all requests are under way", func() bool { return g.proxy.Stats().Requests == count })
			w.cost(before, limit)
			w.leave()
			eventually(t, "all is given back", func() bool { return g.proxy.Stats().Requests == 0 })
		})
	}
}

// TestWhoDoesNotReadCostsLittle has clients that never read a download and backends that never read an upload, until
// nothing moves any more: all together they cost 32 MiB at most.
func TestWhoDoesNotReadCostsLittle(t *testing.T) {
	const count, limit = 8, 32 << 20
	g := startProxy(t, 2, nil)
	var moved atomic.Int64
	part := make([]byte, 64<<10)
	write := func(to io.Writer, n int) {
		for ; n > 0; n -= len(part) {
			m, err := to.Write(part[:min(n, len(part))])
			if moved.Add(int64(m)); err != nil {
				return
			}
		}
	}
	over := make(chan struct{})
	for _, b := range g.backends {
		b.serve(func(c *backendConn) {
			head := make([]byte, 4<<10)
			n, _ := c.conn.Read(head)
			if bytes.HasPrefix(head[:n], []byte("GET")) {
				c.send("HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
				write(c.conn, 200_000_000)
			}
			<-over
		})
	}
	before := footprint()
	var clients []*client
	var work sync.WaitGroup
	for range count {
		down, up := g.dial(t), g.dial(t)
		clients = append(clients, down, up)
		down.send(get("/download"))
		up.send("POST /upload" + asked + "Content-Length: 90000000\r\n\r\n")
		work.Go(func() { write(up.tcp, 90_000_000) })
	}
	eventually(t, "all are under way", func() bool { return g.proxy.Stats().Requests == 2*count && moved.Load() > 1<<20 })
	still(&moved)
	cost := footprint() - before
	t.Logf("%d KiB for all, while %d MiB are under way", cost>>10, moved.Load()>>20)
	if cost > limit {
		t.Errorf("%d bytes, want at most %d", cost, int64(limit))
	}
	for _, c := range clients {
		c.Close()
	}
	close(over)
	work.Wait()
	eventually(t, "they are forgotten", func() bool { return g.proxy.Stats().Connections == 0 })
}

// still returns when the counter has not moved for a while.
func still(counter *atomic.Int64) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for last := int64(-1); last != counter.Load(); <-tick.C {
		last = counter.Load()
	}
}
