package proxy_test

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
)

// TestOutOfDescriptors has more clients come than the process can open descriptors for: those that are in are served as far
// as that takes no descriptor, accepting is tried again at growing intervals and not in a loop, no backend is blamed, and
// all are served when there are descriptors again.
func TestOutOfDescriptors(t *testing.T) {
	const spare, clients, tries = 4, 20, 6
	var outcomes sync.Map
	g := startProxy(t, 1, func(cfg *proxy.Config) {
		cfg.OnOutcome = func(_ *routing.Backend, o proxy.Outcome, _ netip.Addr) { outcomes.Store(o, true) }
	})
	waiting, answer := g.waiting(t)
	ln := &heldListener{Listener: listen(t), begin: make(chan struct{})}
	g.listen(t, ln)
	g.addr = ln.Addr().String()
	var all []*client
	for range clients {
		all = append(all, g.dial(t)) // the kernel takes them
	}

	giveBack := exhaust(t, spare)
	close(ln.begin)
	eventually(t, "accepting fails", func() bool { return len(ln.failures()) >= tries })
	failed := ln.failures()
	if took := failed[tries-1].Sub(failed[0]); took < 100*time.Millisecond {
		t.Errorf("%d tries in %v: that is a loop", tries, took)
	}
	if n := strings.Count(g.log.String(), "accept paused"); n != 1 {
		t.Errorf("%d lines in the log:\n%s", n, g.log.String())
	}
	if got := all[0].ask(plainGet); got.raw() != badGateway {
		t.Errorf("a request that no backend can be dialled for got %q", got.raw())
	}
	_, blamed := outcomes.Load(proxy.DialRefused)
	if _, own := outcomes.Load(proxy.OwnError); blamed || !own {
		t.Errorf("the backend is blamed: %v; the lack is told: %v", blamed, own)
	}
	close(answer)
	if got := waiting.reply(); got.raw() != ok {
		t.Errorf("the request that waited got %q", got.raw())
	}

	giveBack()
	for i, c := range all {
		if got := c.ask(plainGet); got.raw() != ok {
			t.Errorf("client %d got %q", i, got.raw())
		}
	}
}

// waiting returns a client whose request waits at the backend until answer is closed.
func (g *rig) waiting(t *testing.T) (c *client, answer chan struct{}) {
	answer = make(chan struct{})
	g.backend(0).serve(func(c *backendConn) {
		if m, _ := c.next(); m.target() == "/waits" {
			<-answer
		}
		c.send(ok)
	})
	c = g.dial(t)
	c.send(get("/waits"))
	eventually(t, "a request waits", func() bool { return g.backend(0).count("/waits") == 1 })
	return c, answer
}

// heldListener accepts nobody before begin is closed, and notes when it failed to accept.
type heldListener struct {
	net.Listener
	begin chan struct{}

	mu     sync.Mutex
	failed []time.Time
}

func (l *heldListener) Accept() (net.Conn, error) {
	<-l.begin
	nc, err := l.Listener.Accept()
	if err != nil {
		l.mu.Lock()
		l.failed = append(l.failed, time.Now())
		l.mu.Unlock()
	}
	return nc, err
}

func (l *heldListener) failures() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// exhaust takes all descriptors but some that the process may still open, until giveBack is called or the test ends.
func exhaust(t *testing.T, spare int) (giveBack func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	highest, err := syscall.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	taken := []int{highest}
	giveBack = sync.OnceFunc(func() {
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
		for _, fd := range taken {
			syscall.Close(fd)
		}
	})
	t.Cleanup(giveBack)
	fewer := old
	fewer.Cur = uint64(highest + 50)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &fewer); err != nil {
		t.Fatal(err)
	}
	for {
		fd, err := syscall.Dup(0)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	for _, fd := range taken[:spare] {
		syscall.Close(fd)
	}
	taken = taken[spare:]
	return giveBack
}
