package proxy_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// TestUnpolledListeners has a proxy accept from a TCP and a Unix socket of its own, each until that is closed.
func TestUnpolledListeners(t *testing.T) {
	if loops < 0 || runtime.GOOS != "linux" {
		return // net.Listener it is
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	for _, ln := range []net.Listener{listen(t), listenUnix(t, path)} {
		own, err := proxy.Unpolled(ln)
		if err != nil {
			t.Fatal(err)
		}
		if ln.Close() == nil {
			t.Error("the listener is left open")
		}
		if own.Addr().String() != ln.Addr().String() {
			t.Errorf("its address is %s, want %s", own.Addr(), ln.Addr())
		}
		g := startProxy(t, 1, nil)
		served := make(chan error, 1)
		go func() { served <- g.proxy.Serve(own) }()
		nc, err := net.Dial(own.Addr().Network(), own.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c := &client{conn: nc.(conn), t: t, r: bufio.NewReader(nc)}
		t.Cleanup(func() { nc.Close() })
		if got := c.ask(plainGet); got.raw() != ok {
			t.Errorf("got %q", got.raw())
		}
		own.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(true)
		if err := own.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err == nil || !strings.Contains(err.Error(), own.Addr().String()) {
			t.Errorf("Serve: %v, want the address that it accepts at no more", err)
		}
		if err := own.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed once more: %v", err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the path is left behind: %v", err)
	}
}

// TestUnpolledListenersNeedALoop has goroutines carry connections: they cannot wait for what the runtime does not know.
func TestUnpolledListenersNeedALoop(t *testing.T) {
	if loops > 0 || runtime.GOOS != "linux" {
		return
	}
	t.Parallel()
	own, err := proxy.Unpolled(listen(t))
	if err != nil {
		t.Fatal(err)
	}
	g := startProxy(t, 0, nil)
	if err := g.proxy.Serve(own); err == nil || !strings.Contains(err.Error(), "event loop") {
		t.Errorf("Serve: %v", err)
	}
}

func listenUnix(t *testing.T, path string) net.Listener {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}
