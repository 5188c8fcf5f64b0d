package relay

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// still is a relay that does not run yet and posts whatever can be: the test has its loops do one thing after the other.
type still struct {
	*Relay
	t *testing.T
}

// newStill returns nil where the kernel gives no ring.
func newStill(t *testing.T, cfg Config, c clock) *still {
	t.Helper()
	r, err := newRelay(cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	r.PostAll()
	if r.loops[0].post.ring == nil {
		t.Log("the kernel gives no ring")
		return nil
	}
	return &still{Relay: r, t: t}
}

// strand is a tunnel of a still relay, and the far ends of its sides.
type strand struct {
	*loopTunnel
	far  [2]*net.TCPConn
	over chan Stats
}

// open starts a tunnel on a loop. then is called at its end, unless it is nil.
func (r *still) open(l *loop, then func()) *strand {
	r.t.Helper()
	s := &strand{over: make(chan Stats, 1)}
	var near [2]*net.TCPConn
	for i := range near {
		near[i], s.far[i] = pairOf(r.t)
	}
	if _, err := l.start(Tunnel{Client: near[client], Backend: near[backend], Done: func(st Stats) {
		if then != nil {
			then()
		}
		s.over <- st
	}}); err != nil {
		r.t.Fatal(err)
	}
	s.loopTunnel = r.tunnels.list(nil, false)[0].carrier.(*loopTunnel)
	return s
}

// says has one end send something, of which the loop of the tunnel is told.
func (r *still) says(s *strand, side int, text string) {
	r.t.Helper()
	if _, err := io.WriteString(s.far[side], text); err != nil {
		r.t.Fatal(err)
	}
	r.await(s, side, unix.POLLIN)
	s.sides[side].Ready(unix.EPOLLIN)
}

// resets has one end reset its connection, of which nobody is told.
func (r *still) resets(s *strand, side int) {
	r.t.Helper()
	s.far[side].SetLinger(0)
	s.far[side].Close()
	r.await(s, side, unix.POLLERR)
}

// await waits until poll(2) reports something of the near end of a side.
func (r *still) await(s *strand, side int, event int16) {
	r.t.Helper()
	fds := []unix.PollFd{{Fd: s.sides[side].fd, Events: event}}
	for fds[0].Revents&event == 0 {
		if n, err := unix.Poll(fds, 30_000); n == 0 || err != nil && err != unix.EINTR {
			r.t.Fatal("nothing has come:", err)
		}
	}
}

// hears expects one end to get something next.
func (r *still) hears(s *strand, side int, want string) {
	r.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(s.far[side], got); err != nil || string(got) != want {
		r.t.Errorf("got %.40q, %v, want %.40q", got[:n], err, want)
	}
}

// run has the relay run until the test ends.
func (r *still) run() { go r.Run(r.t.Context()) }

// soon fails the test if do does not return.
func (r *still) soon(do func()) {
	r.t.Helper()
	done := make(chan struct{})
	go func() {
		do()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		panic("a lock is held that nobody gives back") // Close would wait for it, too
	}
}

func (s *strand) ended(t *testing.T, want Cause) Stats {
	t.Helper()
	st := <-s.over
	if st.Cause != want {
		t.Errorf("ended because of %q, want %q", st.Cause, want)
	}
	return st
}

// TestATunnelThatHasMovedIsTheOtherLoopsOnly has both sides of a tunnel say something, and the tunnel move in between.
func TestATunnelThatHasMovedIsTheOtherLoopsOnly(t *testing.T) {
	r := newStill(t, Config{Loops: 2}, wallClock())
	if r == nil {
		return
	}
	from, to := r.loops[0], r.loops[1]
	s := r.open(from, nil)
	from.share.looked, from.share.to, from.share.left = time.Hour, to, 1
	r.says(s, client, "ping")
	r.says(s, backend, "pong")
	if s.loop != to {
		t.Fatal("the tunnel has not moved")
	}
	if n := len(to.post.letters); n != 0 {
		t.Errorf("one loop has posted %d letters on the other", n)
	}
	r.run()
	r.hears(s, backend, "ping")
	r.hears(s, client, "pong")
}

// TestATunnelThatCannotMoveLeavesTheOtherLoopAlone has one whose socket the other loop's epoll knows already.
func TestATunnelThatCannotMoveLeavesTheOtherLoopAlone(t *testing.T) {
	r := newStill(t, Config{Loops: 2}, wallClock())
	if r == nil {
		return
	}
	from, to := r.loops[0], r.loops[1]
	other, s := r.open(to, nil), r.open(from, nil)
	if err := to.Control(unix.EPOLL_CTL_ADD, int(s.sides[client].fd), 0, to.Enter(&s.sides[client])); err != nil {
		t.Fatal(err)
	}
	r.says(other, client, "ping")
	from.share.looked, from.share.to, from.share.left = time.Hour, to, 1
	from.PostAll(false) // so that the tunnel has nothing posted when it is to move
	r.says(s, client, "ping")
	if len(to.post.letters) != 1 {
		t.Error("one loop has delivered what the other has posted")
	}
	r.run()
	s.ended(t, NoResources)
	r.hears(other, backend, "ping")
}

// TestNothingIsReadBehindALetter has a side with much to say, but no pipe for that, say a little and then leave.
func TestNothingIsReadBehindALetter(t *testing.T) {
	r := newStill(t, Config{}, wallClock())
	if r == nil {
		return
	}
	s := r.open(r.loops[0], nil)
	s.sides[client].bulk = true
	io.WriteString(s.far[client], "last words")
	s.far[client].CloseWrite()
	r.await(s, client, unix.POLLRDHUP)
	withoutDescriptors(t)
	s.sides[client].Ready(unix.EPOLLIN) // as if the FIN had come a moment later
	r.run()
	r.hears(s, backend, "last words")
	s.far[backend].Close()
	s.far[client].Close()
	if st := s.ended(t, ClientClosed); st.ToBackend != int64(len("last words")) {
		t.Errorf("%d bytes to the backend", st.ToBackend)
	}
}

// TestNoLockIsHeldWhenATunnelLeaves has a tunnel's Done end all others, some of which have posted something.
func TestNoLockIsHeldWhenATunnelLeaves(t *testing.T) {
	t.Run("its delivery makes room for another's letter", func(t *testing.T) {
		r := newStill(t, Config{}, wallClock())
		if r == nil {
			return
		}
		l := r.loops[0]
		l.post.paper = make([]byte, 0, 10)
		s, other := r.open(l, func() { r.EndGroup(nil) }), r.open(l, nil)
		s.far[client].CloseWrite()
		r.await(s, client, unix.POLLRDHUP)
		s.sides[client].Ready(unix.EPOLLIN | unix.EPOLLRDHUP)
		r.resets(s, client)
		r.says(s, backend, "nobody")
		r.soon(func() { r.says(other, client, "somebody") })
		r.run()
		s.ended(t, ClientClosed)
		r.hears(other, backend, "somebody")
		other.far[client].Close()
		other.ended(t, GroupEnded)
	})
	t.Run("it panics while another's letter waits", func(t *testing.T) {
		r := newStill(t, Config{Logger: slog.New(slog.DiscardHandler)}, wallClock())
		if r == nil {
			return
		}
		l := r.loops[0]
		other, s := r.open(l, nil), r.open(l, func() { r.EndGroup(nil) })
		s.sides[client].tls, s.sides[client].shut = new(event.TLS), true // TLS that is none panics
		for _, tn := range []*strand{other, s} {                         // whose events come in that order
			io.WriteString(tn.far[client], "somebody")
			r.await(tn, client, unix.POLLIN)
		}
		r.run()
		r.soon(func() { s.ended(t, Panicked) })
		r.hears(other, backend, "somebody")
		other.far[client].Close()
	})
}

// TestAPanicInADeliveryEndsThatTunnelOnly has the clock fail when a tunnel whose client is gone asks for the time.
func TestAPanicInADeliveryEndsThatTunnelOnly(t *testing.T) {
	var book strings.Builder
	c := wallClock()
	now, boom := c.now, false
	c.now = func() time.Duration {
		if boom {
			boom = false
			panic("boom")
		}
		return now()
	}
	r := newStill(t, Config{Logger: slog.New(slog.NewTextHandler(&book, nil))}, c)
	if r == nil {
		return
	}
	l := r.loops[0]
	first, bad, last := r.open(l, nil), r.open(l, nil), r.open(l, nil)
	r.resets(bad, client)
	for _, s := range []*strand{first, bad, last} {
		r.says(s, backend, "hello")
	}
	boom = true
	l.deliver()
	r.run()
	bad.ended(t, ClientFailed) // which came before the panic
	for _, s := range []*strand{first, last} {
		r.hears(s, client, "hello")
		s.far[client].Close()
		if rest, err := io.ReadAll(s.far[backend]); len(rest) > 0 || err != nil {
			t.Errorf("the backend got %q, %v", rest, err)
		}
		s.far[backend].Close()
		if st := s.ended(t, ClientClosed); st.ToClient != int64(len("hello")) {
			t.Errorf("%d bytes to the client", st.ToClient)
		}
	}
	r.Close()
	if n := strings.Count(book.String(), "boom"); n != 1 {
		t.Errorf("the log names the panic %d times, want once: %s", n, book.String())
	}
}

func TestALetterToOneThatHasResetIsDropped(t *testing.T) {
	r := newStill(t, Config{}, wallClock())
	if r == nil {
		return
	}
	l := r.loops[0]
	s, other := r.open(l, nil), r.open(l, nil)
	r.resets(s, client)
	r.says(s, backend, "nobody")
	r.says(other, backend, "somebody")
	r.run()
	r.hears(other, client, "somebody")
	if rest, _ := io.ReadAll(s.far[backend]); len(rest) > 0 {
		t.Errorf("the backend got %q", rest)
	}
	s.far[backend].Close()
	if st := s.ended(t, ClientFailed); st.ToClient != 0 || st.ToBackend != 0 {
		t.Errorf("%d and %d bytes counted", st.ToClient, st.ToBackend)
	}
}

// TestALetterOfWhichOnlyAPartIsTakenIsKept posts more than any socket takes at once, and lets other bytes follow.
func TestALetterOfWhichOnlyAPartIsTakenIsKept(t *testing.T) {
	r := newStill(t, Config{}, wallClock())
	if r == nil {
		return
	}
	l := r.loops[0]
	s := r.open(l, nil)
	text := bytes.Repeat([]byte("0123456789abcdef"), 2<<20)
	s.mu.Lock()
	s.posted = true
	l.post.letters = append(l.post.letters, letter{to: &s.sides[client], text: text})
	l.deliver()
	if kept := len(s.sides[client].queue); kept == 0 || kept == len(text) {
		t.Errorf("%d of %d bytes are kept, want a part", kept, len(text))
	}
	io.WriteString(s.far[backend], "behind it")
	s.far[backend].Close()
	r.run()
	got, err := io.ReadAll(s.far[client])
	if want := string(text) + "behind it"; err != nil || string(got) != want {
		t.Errorf("%d bytes arrived, want %d, or not as they were: %v", len(got), len(want), err)
	}
	s.far[client].Close()
	if st := s.ended(t, BackendClosed); st.ToClient != int64(len(got)) {
		t.Errorf("%d bytes counted, %d arrived", st.ToClient, len(got))
	}
}

func TestALetterCostsNoMemory(t *testing.T) {
	r := newStill(t, Config{}, wallClock())
	if r == nil {
		return
	}
	s := r.open(r.loops[0], nil)
	ping := []byte("ping")
	if n := testing.AllocsPerRun(100, func() {
		s.far[client].Write(ping)
		s.sides[client].Ready(unix.EPOLLIN)
	}); n != 0 {
		t.Errorf("%v allocations for each", n)
	}
	r.loops[0].deliver() // what is posted by a loop that never runs would be waited for
}
