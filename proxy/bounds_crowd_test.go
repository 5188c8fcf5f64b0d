package proxy_test

import (
	"net/netip"
	"runtime"
	"syscall"
	"testing"
)

// crowd is a number of clients. They are plain descriptors, so that what the process's memory grows by is what they cost
// the proxy.
type crowd struct {
	*rig
	t   testing.TB
	fds []int
}

// crowd connects n clients, and returns when the proxy has accepted them all.
func (g *rig) crowd(t testing.TB, n int) *crowd {
	t.Helper()
	w := &crowd{rig: g, t: t}
	t.Cleanup(w.leave)
	before := g.proxy.Stats().Connections
	addr := netip.MustParseAddrPort(g.addr)
	for range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.fds = append(w.fds, fd)
		syscall.CloseOnExec(fd)
		limit := syscall.NsecToTimeval(int64(patience))
		if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Connect(fd, &syscall.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all clients are accepted", func() bool { return g.proxy.Stats().Connections == before+int64(n) })
	return w
}

// ask has one client after the other send a request and read exactly these bytes.
func (w *crowd) ask(raw, want string) {
	w.t.Helper()
	got := make([]byte, len(want))
	for _, fd := range w.fds {
		if n, err := syscall.Write(fd, []byte(raw)); n != len(raw) {
			w.t.Fatalf("wrote %d bytes: %v", n, err)
		}
		for n := 0; n < len(want); {
			m, err := syscall.Read(fd, got[n:])
			if err == syscall.EINTR { // the kernel does not begin a read with a timeout again (signal(7))
				continue
			}
			if m <= 0 {
				w.t.Fatalf("after %q: %v", got[:n], err)
			}
			n += m
		}
		if string(got) != want {
			w.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// leave closes all clients.
func (w *crowd) leave() {
	for _, fd := range w.fds {
		syscall.Close(fd)
	}
	w.fds = nil
}

// footprint is the size of all that lives on the process's heap. Stacks are not in it: how large they are is the runtime's
// choice, and another one under the race detector.
func footprint() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
