package main_test

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// flood is a stream of polls for sids that nobody has, at a rate of its own: it
// does not wait for replies, but opens more connections where they are late.
type flood struct {
	addr    string
	next    func() string // a request
	orders  chan struct{}
	stop    chan struct{}
	open    connections
	work    sync.WaitGroup
	workers atomic.Int64
	idle    atomic.Int64

	Ordered, Refused, Other, Broken atomic.Int64
	began                           time.Time
}

// floodConnections is how many connections a flood opens at most.
const floodConnections = 7000

// startFlood sends perSecond requests from 127.0.0.1 until end.
func startFlood(t *testing.T, addr string, perSecond int, next func() string) *flood {
	t.Helper()
	f := &flood{addr: addr, next: next, orders: make(chan struct{}), stop: make(chan struct{}), began: time.Now()}
	f.work.Go(func() { f.order(perSecond) })
	t.Cleanup(func() { f.end() })
	return f
}

// end stops the flood; its connections are cut, whatever they wait for.
func (f *flood) end() {
	select {
	case <-f.stop:
	default:
		close(f.stop)
	}
	f.open.closeAll()
	f.work.Wait()
}

// order gives the orders, as many as are due by the clock.
func (f *flood) order(perSecond int) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	defer close(f.orders)
	for {
		select {
		case <-f.stop:
			return
		case <-tick.C:
		}
		for due := int64(time.Since(f.began).Seconds() * float64(perSecond)); f.Ordered.Load() < due; f.Ordered.Add(1) {
			if f.idle.Load() == 0 && f.workers.Load() < floodConnections {
				f.workers.Add(1)
				f.work.Go(f.connect)
			}
			select {
			case f.orders <- struct{}{}:
			case <-f.stop:
				return
			}
		}
	}
}

// connect carries orders over one connection until that ends.
func (f *flood) connect() {
	defer f.workers.Add(-1)
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.Broken.Add(1)
		return
	}
	defer f.open.add(c)()
	in := bufio.NewReader(c)
	for {
		f.idle.Add(1)
		_, more := <-f.orders
		f.idle.Add(-1)
		if !more {
			return
		}
		if err := f.carry(c, in); err != nil {
			f.Broken.Add(1)
			return
		}
	}
}

func (f *flood) carry(c net.Conn, in *bufio.Reader) error {
	if _, err := c.Write([]byte(f.next())); err != nil {
		return err
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode == http.StatusBadRequest {
		f.Refused.Add(1)
	} else {
		f.Other.Add(1)
	}
	return nil
}

// madeUp is a poll for a sid that nobody has ever given out; every third has a
// tag that nobody has made.
func madeUp() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	sid := []byte(madeUpPrefix)
	for bits := rand.Uint64(); len(sid) < 16; bits >>= 6 {
		sid = append(sid, alphabet[bits&63])
	}
	if sid[15] < 'V' {
		sid = append(sid, "~AAAAAAAA"...)
	}
	return "GET /socket.io/?EIO=4&transport=polling&sid=" + string(sid) + " HTTP/1.1\r\nHost: holdfast\r\n\r\n"
}

const madeUpPrefix = "flood-"

// madeUpAsked counts how often servers were asked for made-up sids.
func madeUpAsked(backends []*backend) (n int) {
	for _, b := range backends {
		for _, l := range b.find(fields{"event": "refused"}) {
			n += count(strings.HasPrefix(l.str("sid"), madeUpPrefix))
		}
	}
	return n
}
