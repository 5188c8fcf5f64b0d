package relay_test

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

// BenchmarkMessage carries a message to the backend and back: two messages for the relay, and four system calls for
// the two peers.
func BenchmarkMessage(b *testing.B) {
	for _, l := range lanes {
		for _, size := range []int{64, 64 << 10} {
			b.Run(fmt.Sprintf("%s, %d bytes", l.name, size), func(b *testing.B) {
				k := newKit(b, l)
				tn := k.open(relay.Tunnel{IdleTimeout: time.Hour})
				tn.client.SetDeadline(time.Time{})
				tn.backend.SetDeadline(time.Time{})
				go echo(tn.backend)
				out, in := make([]byte, size), make([]byte, size)
				b.SetBytes(2 * int64(size))
				b.ReportAllocs()
				for b.Loop() {
					tn.client.Write(out)
					if _, err := io.ReadFull(tn.client, in); err != nil {
						b.Fatal(err)
					}
				}
				tn.client.Close()
				receive(b, tn.done)
			})
		}
	}
}

func echo(c net.Conn) {
	defer c.Close()
	io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{c}, make([]byte, 64<<10))
}

// BenchmarkTunnel starts a tunnel and ends it, the connecting of its two connections excepted.
func BenchmarkTunnel(b *testing.B) {
	for _, l := range lanes {
		if l.tls {
			continue
		}
		b.Run(l.name, func(b *testing.B) {
			k := newKit(b, l)
			b.ReportAllocs()
			b.StopTimer()
			for range b.N {
				var spec relay.Tunnel
				tn := k.prepare(&spec)
				b.StartTimer()
				k.relay.Start(spec)
				reset(tn.client) // a FIN would leave the port unusable for a minute
				reset(tn.backend)
				receive(b, tn.done)
				b.StopTimer()
			}
		})
	}
}

func BenchmarkWatch(b *testing.B) {
	for _, l := range lanes {
		if l.network != "tcp" || l.tls {
			continue
		}
		b.Run("arm and disarm, "+l.name, func(b *testing.B) {
			k := newKit(b, l)
			w := k.watch()
			b.ReportAllocs()
			for b.Loop() {
				w.Arm()
				w.Disarm()
			}
		})
		b.Run("watch and stop, "+l.name, func(b *testing.B) {
			k := newKit(b, l)
			near, _ := k.connect()
			b.Cleanup(func() { near.Close() })
			b.ReportAllocs()
			for b.Loop() {
				w, err := watch(k.relay, near, func() {})
				if err != nil {
					b.Fatal(err)
				}
				w.Stop()
			}
		})
	}
}
