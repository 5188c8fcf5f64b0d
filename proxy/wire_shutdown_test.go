package proxy_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// lateListener returns a connection that it has accepted only once it is closed, as may happen to any listener that is
// closed just then.
type lateListener struct {
	net.Listener
	accepted chan struct{} // closed when it has one
	closed   chan struct{}
	once     sync.Once
}

func (l *lateListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		close(l.accepted)
		<-l.closed
	}
	return c, err
}

func (l *lateListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

func TestShutdownServesWhomItAcceptedLast(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, nil)
	g.backend(0).serve(answering(ok))
	late := &lateListener{Listener: listen(t), accepted: make(chan struct{}), closed: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- g.proxy.Serve(late) }()
	g.addr = late.Addr().String()
	c := g.dial(t)
	c.send(plainGet)
	<-late.accepted
	if err := g.proxy.Shutdown(context.Background()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if got := c.reply(); got.status() != 200 || !c.lastCloses {
		t.Errorf("got %q, want 200 and the connection's end", got.raw())
	}
	if err := <-served; err != proxy.ErrShutdown {
		t.Errorf("serve: %v", err)
	}
}

func TestAnnouncedShutdownServesAll(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, nil)
	g.backend(0).serve(answering(ok))
	if g.proxy.Draining() {
		t.Error("draining before it was announced")
	}
	g.proxy.Announce()
	if !g.proxy.Draining() {
		t.Error("not draining, though it was announced")
	}
	c := g.dial(t)
	for range 2 { // on one connection
		if got := c.ask(plainGet); got.raw() != ok {
			t.Errorf("got %q", got.raw())
		}
	}
}

// TestShutdownEndsPollsOneByOne shuts down while polls wait that are never answered: all are ended, but not at one moment.
func TestShutdownEndsPollsOneByOne(t *testing.T) {
	t.Parallel()
	const polls = 12
	g := startProxy(t, 1, nil)
	for i := range polls {
		g.session(t, 0, fmt.Sprint("s", i)).Close()
	}
	var waiting sync.WaitGroup
	waiting.Add(polls)
	g.backend(0).serve(func(c *backendConn) {
		c.next()
		waiting.Done()
		c.drain()
	})
	for _, c := range g.backend(0).all() {
		c.Close()
	}
	ended := make(chan time.Time, polls)
	for i := range polls {
		c := g.dial(t)
		c.send("GET " + pollTarget + fmt.Sprint("s", i) + asked + browser + "\r\n")
		go func() {
			m, err := readReply(c.r, "GET")
			if err != nil || m.raw() != said("200 OK", asPacket, "1", closes) {
				t.Errorf("a poll was ended by %q, %v", m.raw(), err)
			}
			ended <- time.Now()
		}()
	}
	waiting.Wait()
	const patience = 4 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	down := make(chan error, 1)
	go func() { down <- g.proxy.Shutdown(ctx) }()
	first := <-ended
	last := first
	for range polls - 1 {
		last = <-ended
	}
	if before := first.Sub(began); before < patience/2 {
		t.Errorf("the first was ended after %v of %v, want most of the time left to all", before, patience)
	}
	if spread := last.Sub(first); spread < patience/20 {
		t.Errorf("all were ended within %v", spread)
	}
	<-down
}
