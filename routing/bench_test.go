package routing_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// BenchmarkRoute measures one placement each way, its Hold's release included.
func BenchmarkRoute(b *testing.B) {
	g := newGateway(b, routing.Config{Affinity: []routing.Affinity{
		routing.AffinitySID, routing.AffinityCookie, routing.AffinityKey, routing.AffinityIP,
	}}, many(3)...)
	sids := g.learnMany(1000)
	plain := newGateway(b, routing.Config{}, many(3)...)
	ip := netip.MustParseAddr("192.0.2.7")
	for name, c := range map[string]struct {
		router *routing.Router
		req    routing.Request
	}{
		"sid":    {g.router, routing.Request{SID: sids[0], EIO: 4}},
		"cookie": {g.router, routing.Request{Cookie: g.pool.Snapshot().ByID("b1").Token(), Opens: true}},
		"key":    {g.router, routing.Request{Key: "room-17", Opens: true}},
		"ip":     {g.router, routing.Request{ClientIP: ip, Opens: true}},
		"new":    {plain.router, routing.Request{ClientIP: ip, Opens: true}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d, err := c.router.Route(c.req)
				if err != nil {
					b.Fatal(err)
				}
				d.Hold.Release()
			}
		})
	}
}

// hot is how many sids the benchmarks of known sids take turns with: few enough to stay in the processor's caches, so that
// they measure the table. They are strided over it.
const hot = 256

// BenchmarkKnown measures a known sid's placement, without its Hold's release, from few to many backends and sessions.
func BenchmarkKnown(b *testing.B) {
	for _, backends := range []int{3, 1000} {
		for _, sessions := range []int{1000, 1_000_000} {
			b.Run(fmt.Sprintf("backends=%d/sessions=%d", backends, sessions), func(b *testing.B) {
				g := newGateway(b, routing.Config{}, many(backends)...)
				benchRoute(b, g.router, stride(g.learnMany(sessions), hot))
			})
		}
	}
}

// BenchmarkCold takes turns with all of a million sids, so that each is out of the processor's caches: it measures the
// machine's memory as much as the table.
func BenchmarkCold(b *testing.B) {
	g := newGateway(b, routing.Config{}, many(3)...)
	benchRoute(b, g.router, g.learnMany(1_000_000))
}

// stride returns n of all, evenly spread.
func stride(all []string, n int) []string {
	some := make([]string, n)
	for i := range some {
		some[i] = all[i*len(all)/n]
	}
	return some
}

// benchRoute times Route alone: the Holds are released in batches while the clock stands.
func benchRoute(b *testing.B, r *routing.Router, sids []string) {
	holds := make([]routing.Hold, 500)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		d, err := r.Route(routing.Request{SID: sids[i%len(sids)], EIO: 4})
		if err != nil {
			b.Fatal(err)
		}
		holds[i%len(holds)] = d.Hold
		if i%len(holds) == len(holds)-1 {
			b.StopTimer()
			for j := range holds {
				holds[j].Release()
			}
			b.StartTimer()
		}
	}
}

// BenchmarkKnownParallel measures Route and Release together; it is to be run with several -cpu values. All goroutines take
// turns with the same sids, so that each finds them in another core's cache.
func BenchmarkKnownParallel(b *testing.B) {
	g := newGateway(b, routing.Config{}, many(3)...)
	sids := stride(g.learnMany(100_000), hot)
	benchParallel(b, g, func(int) []string { return sids })
}

// BenchmarkKnownApart is BenchmarkKnownParallel with sids of each goroutine's own, as when a client's connection stays where
// it is: they have the backends in common, and now and then a part of the table.
func BenchmarkKnownApart(b *testing.B) {
	g := newGateway(b, routing.Config{}, many(3)...)
	sids := g.learnMany(100_000)
	n := runtime.GOMAXPROCS(0)
	benchParallel(b, g, func(worker int) []string {
		share := len(sids) / n
		return stride(sids[worker%n*share:][:share], hot)
	})
}

// benchParallel has as many goroutines as there are cores route and release, each with the sids that are its own.
func benchParallel(b *testing.B, g *gateway, own func(worker int) []string) {
	var workers atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		worker := int(workers.Add(1))
		sids := own(worker)
		for i := worker * 499; pb.Next(); i++ {
			d, err := g.router.Route(routing.Request{SID: sids[i%len(sids)]})
			if err != nil {
				b.Error(err)
				return
			}
			d.Hold.Release()
		}
	})
}

// BenchmarkSweep expires a million sessions in calls that look at 256 each, the most that is done under one lock. It
// reports how long most calls took, and the longest, which on a busy machine is the scheduler's doing.
func BenchmarkSweep(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		g := newGateway(b, routing.Config{}, many(3)...)
		g.learnMany(1_000_000)
		g.clock.advance(10 * time.Minute)
		var took []time.Duration
		b.StartTimer()
		for removed := 1; removed > 0; {
			start := time.Now()
			removed = g.sessions.Sweep(256)
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-call-µs")
		b.ReportMetric(float64(took[len(took)-1].Microseconds()), "longest-call-µs")
	}
}
