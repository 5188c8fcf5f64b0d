package event

import (
	"net"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// handler does something once it is ready, and counts.
type handler struct {
	do            func()
	ready, failed chan struct{}
}

func newHandler(do func()) *handler {
	return &handler{do: do, ready: make(chan struct{}, 100), failed: make(chan struct{}, 100)}
}

func (h *handler) Ready(uint32) {
	h.ready <- struct{}{}
	if h.do != nil {
		h.do()
	}
}

func (h *handler) Fail() { h.failed <- struct{}{} }

// readable returns a descriptor with something to be read, and registers it.
func (g *rig) readable(t *testing.T, h Handler) (fd int, tok Token) {
	t.Helper()
	fd, far := connection(t)
	if _, err := far.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	tok = g.Enter(h)
	if err := g.Control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN|EdgeTriggered, tok); err != nil {
		t.Fatal(err)
	}
	return fd, tok
}

// TestAnEventFindsNobodyOnceItsHandlerHasLeft has two descriptors ready before the loop runs, so that both events are in one
// batch, and whoever is served first gives the other up.
func TestAnEventFindsNobodyOnceItsHandlerHasLeft(t *testing.T) {
	g := newLoop(t)
	var fds [2]int
	var toks [2]Token
	heir := newHandler(nil)
	giveUp := func(i int) func() {
		return func() {
			unix.Close(fds[i])
			g.Leave(toks[i])
			again, far := connection(t) // takes over the number, and most likely the slot
			if again != fds[i] {
				t.Logf("descriptor %d was not used again but %d", fds[i], again)
			}
			g.Control(unix.EPOLL_CTL_ADD, again, unix.EPOLLIN|EdgeTriggered, g.Enter(heir))
			t.Cleanup(func() { unix.Close(again) })
			far.Write([]byte("for the heir"))
			g.Stop()
		}
	}
	a, b := newHandler(giveUp(1)), newHandler(giveUp(0))
	fds[0], toks[0] = g.readable(t, a)
	fds[1], toks[1] = g.readable(t, b)
	if err := g.Run(); err != nil {
		t.Fatal(err)
	}
	if len(a.ready)+len(b.ready) != 1 {
		t.Errorf("called %d and %d times, want one of them once", len(a.ready), len(b.ready))
	}
	if len(heir.ready) != 0 {
		t.Error("the event of the one that was given up reached its heir")
	}
	unix.Close(fds[len(b.ready)])
}

// TestTheOnlyProcessorIsGivenUp has a loop keep the one processor there is, working and waiting: others run all the same.
func TestTheOnlyProcessorIsGivenUp(t *testing.T) {
	g := newKeeper(t)
	s, far, o := g.dial(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	ended := make(chan error, 1)
	go func() { ended <- g.Run() }()
	for range 100 {
		for len(o) > 0 {
			<-o
		}
		if _, err := s.TryRead(make([]byte, 10)); err != nil && err != unix.EAGAIN {
			t.Fatal(err)
		}
		if _, err := far.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		o.await(t, In)
	}
	runtime.GC()
	g.Stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAPanicFailsItsHandlerOnly(t *testing.T) {
	g := runLoop(t)
	bad := newHandler(func() { panic("boom") })
	fd, _ := g.readable(t, bad)
	defer unix.Close(fd)
	<-bad.failed
	good := newHandler(nil)
	other, _ := g.readable(t, good)
	defer unix.Close(other)
	<-good.ready
	if n := strings.Count(g.log.String(), "panic in the event loop"); n != 1 || !strings.Contains(g.log.String(), "loop_linux_test.go") {
		t.Errorf("the log says %q, want one panic and its stack", g.log.String())
	}
}

// TestNothingIsDoneWithAClosedLoop has somebody come late: the number of the loop's descriptor may be another's by then.
func TestNothingIsDoneWithAClosedLoop(t *testing.T) {
	g := newLoop(t)
	kept := new(Socket)
	fd, _ := connection(t)
	if err := NewSocket(g.Loop, fd, kept, make(told, 10)); err != nil {
		t.Fatal(err)
	}
	g.Loop.Close()
	g.WhileOpen(func() { t.Error("it is open") })
	fd, _ = connection(t)
	if err := NewSocket(g.Loop, fd, new(Socket), make(told, 10)); err == nil || isOpen(fd) {
		t.Errorf("a socket was registered, or its descriptor left open; err %v", err)
	}
	if _, err := kept.Write([]byte("x")); err != nil {
		t.Errorf("a socket from before: %v", err)
	}
	if fd, _, err := kept.Take(nil); err != nil || unix.Close(int(fd)) != nil {
		t.Errorf("its descriptor %d: %v", fd, err)
	}
}

func TestALoopEndsWhetherItRunsYetOrNot(t *testing.T) {
	for name, before := range map[string]bool{"told before it runs": true, "told while it waits": false} {
		t.Run(name, func(t *testing.T) {
			g := newLoop(t)
			if before {
				g.Stop()
			}
			ended := make(chan error, 1)
			go func() { ended <- g.Run() }()
			if !before {
				h := newHandler(nil)
				fd, _ := g.readable(t, h)
				defer unix.Close(fd)
				<-h.ready
				g.Stop()
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTheClockOfABatch asks for the time from within a handler.
func TestTheClockOfABatch(t *testing.T) {
	g := newLoop(t)
	h := newHandler(func() {
		if g.Now() <= 0 {
			t.Error("the clock stands still")
		}
		g.Stop()
	})
	fd, _ := g.readable(t, h)
	defer unix.Close(fd)
	if err := g.Run(); err != nil {
		t.Error(err)
	}
}

var _ net.Conn = (*Socket)(nil)

// jointHandler is a handler that leaves something to be done.
type jointHandler struct{ *handler }

func (jointHandler) Joint() {}

// TestWhatIsLeftBehindMayGiveUpWhoIsNext has two events in one batch, of which the first leaves it to be done to give up the other.
func TestWhatIsLeftBehindMayGiveUpWhoIsNext(t *testing.T) {
	g := newLoop(t)
	var tok Token
	next := newHandler(nil)
	first := jointHandler{newHandler(func() {
		g.Behind(func() {
			g.Leave(tok)
			g.Stop()
		})
	})}
	fd, _ := g.readable(t, first)
	defer unix.Close(fd)
	other, tok2 := g.readable(t, next)
	defer unix.Close(other)
	tok = tok2
	if err := g.Run(); err != nil {
		t.Fatal(err)
	}
	if len(first.ready) != 1 || len(next.ready) != 0 {
		t.Errorf("called %d and %d times, want 1 and 0", len(first.ready), len(next.ready))
	}
}

// TestAPanicComesBehindWhatIsLeftToBeDone has one of two that act together panic.
func TestAPanicComesBehindWhatIsLeftToBeDone(t *testing.T) {
	g := newLoop(t)
	done := false
	bad := jointHandler{newHandler(func() {
		g.Behind(func() { done = true })
		panic("boom")
	})}
	fd, _ := g.readable(t, lastWord{bad, func() {
		if !done {
			t.Error("it fails before that is done")
		}
		g.Stop()
	}})
	defer unix.Close(fd)
	if err := g.Run(); err != nil {
		t.Fatal(err)
	}
}

// lastWord does something when it fails.
type lastWord struct {
	jointHandler
	fail func()
}

func (l lastWord) Fail() { l.fail() }
