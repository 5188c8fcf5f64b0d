// Flood polls a proxy for sids that nobody has, at a rate of its own: it does not
// wait for replies, but opens more connections where they are late. It is a
// program so that whoever measures beside it is not slowed down by it.
//
//	go run ./testdata/flood -addr 127.0.0.1:8080 -rate 10000 -steady 1000
//
// It says {"event":"steady"} once so many replies have come, and when its stdin
// is closed or says something, {"event":"flood"} with its counts, and ends.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// maxConnections is how many connections are opened at most.
const maxConnections = 7000

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "host:port of the proxy")
	rate := flag.Int("rate", 1000, "requests per second")
	steady := flag.Int64("steady", 1000, "replies after which to say that the first rush is over")
	flag.Parse()
	f := &flood{addr: *addr, steadyAfter: *steady, orders: make(chan struct{})}
	go f.order(*rate)
	_, _ = os.Stdin.Read(make([]byte, 1))
	say("flood", map[string]any{"offered": f.offered.Load(), "refused": f.refused.Load(), "other": f.other.Load()})
}

// say writes an event as a JSON line, as the programs of testdata/socketio do.
func say(event string, fields map[string]any) {
	fields["event"], fields["t"] = event, time.Now().UnixMilli()
	line, err := json.Marshal(fields)
	if err != nil {
		panic(err) // a value of this program that JSON cannot hold
	}
	fmt.Println(string(line))
}

// flood hands orders to its connections, of which each carries one at a time.
type flood struct {
	addr        string
	steadyAfter int64
	orders      chan struct{}
	idle        atomic.Int64 // connections that wait for an order
	open        atomic.Int64

	offered, refused, other atomic.Int64
	said                    sync.Once
}

// order gives the orders that are due by the clock, for ever.
func (f *flood) order(rate int) {
	began := time.Now()
	for range time.Tick(time.Millisecond) {
		due := int64(time.Since(began).Seconds() * float64(rate))
		for f.offered.Load() < due {
			if f.idle.Load() == 0 && f.open.Load() < maxConnections {
				f.open.Add(1)
				go f.connect()
			}
			f.orders <- struct{}{}
			f.offered.Add(1)
		}
	}
}

// connect carries orders over one connection until that ends.
func (f *flood) connect() {
	defer f.open.Add(-1)
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		return
	}
	defer c.Close()
	in := bufio.NewReaderSize(c, 512)
	for {
		f.idle.Add(1)
		<-f.orders
		f.idle.Add(-1)
		if f.carry(c, in) != nil {
			return
		}
	}
}

func (f *flood) carry(c net.Conn, in *bufio.Reader) error {
	if _, err := io.WriteString(c, request()); err != nil {
		return err
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusBadRequest {
		f.other.Add(1)
	} else if f.refused.Add(1) >= f.steadyAfter {
		f.said.Do(func() { say("steady", map[string]any{}) })
	}
	return nil
}

// request is a poll for a sid that nobody has ever given out; every third has a
// tag that nobody has made.
func request() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	sid := []byte("flood-")
	for bits := rand.Uint64(); len(sid) < 16; bits >>= 6 {
		sid = append(sid, alphabet[bits&63])
	}
	if sid[15] < 'V' {
		sid = append(sid, "~AAAAAAAA"...)
	}
	return "GET /socket.io/?EIO=4&transport=polling&sid=" + string(sid) + " HTTP/1.1\r\nHost: holdfast\r\n\r\n"
}
