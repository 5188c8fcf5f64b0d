//go:build unix

package relay_test

import (
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

// TestWithoutDescriptorsATunnelIsStillCarried starts a tunnel when the process may not open another descriptor.
func TestWithoutDescriptorsATunnelIsStillCarried(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only a loop needs descriptors of its own")
	}
	k := newKit(t, lanes[0])
	var spec relay.Tunnel
	tn := k.prepare(&spec)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	none := old
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	err := k.relay.Start(spec)
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
	if err != nil {
		t.Fatal(err)
	}
	tn.exchange()
}

// TestAnIdleTunnelCostsLittle measures what an idle tunnel takes of the process's memory. The tunnels' peers are plain
// descriptors, which take none.
func TestAnIdleTunnelCostsLittle(t *testing.T) {
	const count = 2000
	for name, row := range map[string]struct {
		loops int
		limit int64
	}{
		"epoll loop":     {loops: 0, limit: 1 << 10},
		"goroutine pair": {loops: -1, limit: 24 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			if row.loops == 0 && runtime.GOOS != "linux" {
				t.Skip("no epoll here")
			}
			k := newKit(t, lane{network: "tcp", loops: row.loops})
			k.open(relay.Tunnel{IdleTimeout: time.Hour}).exchange() // what is made once is made
			far := make([]int, 2*count)
			before := footprint()
			for i := range count {
				spec := relay.Tunnel{IdleTimeout: time.Hour}
				spec.Client, far[2*i] = socketPair(t)
				spec.Backend, far[2*i+1] = socketPair(t)
				if err := k.relay.Start(spec); err != nil {
					t.Fatal(err)
				}
			}
			each := (footprint() - before) / count
			for _, fd := range far {
				syscall.Close(fd)
			}
			t.Logf("%d bytes for an idle tunnel", each)
			if each > row.limit {
				t.Errorf("%d bytes for an idle tunnel, want at most %d", each, row.limit)
			}
		})
	}
}

// socketPair returns a connection whose peer is a mere descriptor.
func socketPair(t *testing.T) (net.Conn, int) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(pair[0]), "")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	return c, pair[1]
}

// footprint is the memory in use, garbage excepted.
func footprint() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse + m.MSpanInuse + m.OtherSys)
}
