package proxy_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestBodiesOfSearchesAreBounded has clients post to sessions that are searched for, which takes the whole body: when the
// bodies have 64 MiB together no more are held, and all of it is given back.
func TestBodiesOfSearchesAreBounded(t *testing.T) {
	const clients, each, held = 30, 3 << 20, 64 << 20 / (3 << 20)
	const limit = 104 << 20 // the bound, and what slices have to spare
	g := startProxy(t, 1, nil)
	over := make(chan struct{})
	g.backend(0).serve(func(*backendConn) { <-over })
	body := strings.Repeat("x", each)
	before := footprint()
	var all []*client
	var work sync.WaitGroup
	var refused atomic.Int64
	for i := range clients {
		c := g.dial(t)
		all = append(all, c)
		go func() {
			if _, err := c.r.ReadByte(); err == nil {
				refused.Add(1)
			}
		}()
		work.Go(func() {
			c.send("POST " + pollTarget + fmt.Sprint("unknown", i) + asked + "Content-Length: " + decimal(each) + "\r\n\r\n")
			c.send(body)
		})
	}
	work.Wait()
	eventually(t, "those above the bound are refused", func() bool {
		requests := g.proxy.Stats().Requests
		return requests <= held && requests+refused.Load() >= clients
	})
	cost := footprint() - before
	t.Logf("%d MiB for %d searches of %d MiB", cost>>20, g.proxy.Stats().Requests, each>>20)
	if cost > limit || g.proxy.Stats().Requests < held/2 {
		t.Errorf("%d bytes for %d searches, want %d of them and at most %d bytes", cost, g.proxy.Stats().Requests, held, limit)
	}
	close(over)
	for _, c := range all {
		c.Close()
	}
	eventually(t, "all is given back", func() bool { return footprint()-before < 1<<20 })
}
