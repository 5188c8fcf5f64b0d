package event

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestEdges(t *testing.T) {
	for name, row := range map[string]struct {
		happens func(*Socket, *net.TCPConn)
		edges   uint32
	}{
		"a new connection takes bytes": {func(*Socket, *net.TCPConn) {}, Out},
		"the peer sends":               {func(_ *Socket, far *net.TCPConn) { far.Write([]byte("x")) }, In},
		"the peer sends a FIN":         {func(_ *Socket, far *net.TCPConn) { far.CloseWrite() }, In | Hup},
		"the peer resets": {func(_ *Socket, far *net.TCPConn) {
			far.SetLinger(0)
			far.Close()
		}, In | Out | Hup},
		"a full socket takes bytes again": {func(s *Socket, far *net.TCPConn) {
			io.CopyN(io.Discard, far, int64(fill(s)))
		}, Out},
	} {
		t.Run(name, func(t *testing.T) {
			s, far, o := runLoop(t).dial(t)
			if name[:5] != "a new" {
				o.await(t, Out)
			}
			row.happens(s, far)
			o.await(t, row.edges)
			if got := s.Edges(); got&row.edges != row.edges {
				t.Errorf("told of %b, but left are %b", row.edges, got)
			}
		})
	}
}

// fill writes until the socket takes nothing more, and returns how much it took.
func fill(s *Socket) (total int) {
	p := make([]byte, 1<<20)
	for {
		n, err := s.TryWrite(p)
		total += n
		if err != nil {
			return total
		}
	}
}

// TestReadingUntilNothingIsLeft follows In: it is kept exactly as long as another read may find something.
func TestReadingUntilNothingIsLeft(t *testing.T) {
	s, far, o := runLoop(t).dial(t)
	o.await(t, Out)
	p := make([]byte, 4)
	steps := []struct {
		does string
		n    int
		err  error
		left bool
	}{
		{"nothing", 0, unix.EAGAIN, false},
		{"sends 6", 4, nil, true},
		{"nothing", 2, nil, false},
		{"nothing", 0, unix.EAGAIN, false},
		{"sends 4", 4, nil, true},
		{"nothing", 0, unix.EAGAIN, false},
		{"sends 2 and a FIN", 2, nil, true},
		{"nothing", 0, io.EOF, true},
		{"nothing", 0, io.EOF, true},
	}
	for i, step := range steps {
		switch step.does {
		case "sends 6":
			far.Write([]byte("123456"))
			o.await(t, In)
		case "sends 4":
			far.Write([]byte("1234"))
			o.await(t, In)
		case "sends 2 and a FIN":
			far.Write([]byte("12"))
			far.CloseWrite()
			o.await(t, In|Hup)
		}
		n, err := s.TryRead(p)
		if n != step.n || err != step.err || s.Edges()&In != 0 != step.left {
			t.Errorf("step %d, the peer does %s: read %d, %v, edges %b", i, step.does, n, err, s.Edges())
		}
	}
	if n, err := s.TryRead(nil); n != 0 || err != nil {
		t.Errorf("reading into nothing: %d, %v", n, err)
	}
}

func TestABrokenSocketStaysReadable(t *testing.T) {
	s, far, o := runLoop(t).dial(t)
	far.SetLinger(0)
	far.Close()
	o.await(t, Hup)
	if _, err := s.TryRead(make([]byte, 1)); err != unix.ECONNRESET || s.Edges()&In == 0 {
		t.Errorf("read: %v, edges %b", err, s.Edges())
	}
	if _, err := s.TryWrite([]byte("x")); err != unix.EPIPE {
		t.Errorf("write: %v", err)
	}
}

// TestBytesBothWays sends a megabyte each way at once, with Read and Write of net.Conn, and by way of its RawConn.
func TestBytesBothWays(t *testing.T) {
	want := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(want)
	s, far, _ := runLoop(t).dial(t)
	go func() {
		io.Copy(far, far)
		far.CloseWrite()
	}()
	sent := make(chan error, 1)
	go func() {
		_, err := s.Write(want[:len(want)/2])
		if err == nil {
			err = writeRaw(s, want[len(want)/2:])
		}
		sent <- err
	}()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s, got[:len(got)/2]); err != nil {
		t.Error(err)
	}
	if err := readRaw(s, got[len(got)/2:]); err != nil {
		t.Error(err)
	}
	if err := <-sent; err != nil || !bytes.Equal(got, want) {
		t.Errorf("sent: %v; came back the same: %v", err, bytes.Equal(got, want))
	}
	if err := s.CloseWrite(); err != nil {
		t.Error(err)
	}
	if n, err := s.Read(got); n != 0 || err != io.EOF {
		t.Errorf("behind a FIN: %d, %v", n, err)
	}
}

func writeRaw(s *Socket, p []byte) error {
	raw, _ := s.SyscallConn()
	for len(p) > 0 {
		if err := raw.Write(func(fd uintptr) bool {
			n, err := unix.Write(int(fd), p)
			p = p[max(n, 0):]
			return err != unix.EAGAIN
		}); err != nil {
			return err
		}
	}
	return nil
}

func readRaw(s *Socket, p []byte) error {
	raw, _ := s.SyscallConn()
	for len(p) > 0 {
		if err := raw.Read(func(fd uintptr) bool {
			n, err := unix.Read(int(fd), p)
			p = p[max(n, 0):]
			return err != unix.EAGAIN
		}); err != nil {
			return err
		}
	}
	return nil
}

func TestDeadlines(t *testing.T) {
	past, soon := time.Unix(1, 0), 10*time.Millisecond
	for name, row := range map[string]struct {
		before, during func(*Socket)
		want           error
	}{
		"one that has passed":            {before: func(s *Socket) { s.SetDeadline(past) }, want: os.ErrDeadlineExceeded},
		"one that passes":                {before: func(s *Socket) { s.SetDeadline(time.Now().Add(soon)) }, want: os.ErrDeadlineExceeded},
		"one that is set meanwhile":      {during: func(s *Socket) { s.SetDeadline(past) }, want: os.ErrDeadlineExceeded},
		"one that is brought forward":    {before: func(s *Socket) { s.SetDeadline(time.Now().Add(time.Hour)) }, during: func(s *Socket) { s.SetDeadline(past) }, want: os.ErrDeadlineExceeded},
		"none, and the socket is closed": {during: func(s *Socket) { s.Close() }, want: net.ErrClosed},
		"a far one, and it is closed":    {before: func(s *Socket) { s.SetDeadline(time.Now().Add(time.Hour)) }, during: func(s *Socket) { s.Close() }, want: net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, _ := runLoop(t).dial(t)
			if row.before != nil {
				row.before(s)
			}
			ended := make(chan error, 2)
			go func() { ended <- second(s.Read(make([]byte, 1))) }()
			go func() { ended <- second(s.Write(make([]byte, 64<<20))) }() // more than both sockets hold
			if row.during != nil {
				eventually(t, "both wait", func() bool {
					w := s.waiting()
					return w.reader.wake.Load() != nil && w.writer.wake.Load() != nil
				})
				row.during(s)
			}
			for range 2 {
				if err := <-ended; !errors.Is(err, row.want) {
					t.Errorf("got %v, want %v", err, row.want)
				}
			}
		})
	}
}

func second(_ int, err error) error { return err }

// TestTheFirstWaitMissesNothing has what ends a wait come while the socket's first wait begins.
func TestTheFirstWaitMissesNothing(t *testing.T) {
	for name, row := range map[string]struct {
		end  func(*Socket)
		want error
	}{
		"an edge":    {end: func(s *Socket) { s.Ready(unix.EPOLLIN) }},
		"a deadline": {end: func(s *Socket) { s.SetDeadline(time.Unix(1, 0)) }, want: os.ErrDeadlineExceeded},
		"the close":  {end: func(s *Socket) { s.Close() }, want: net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			g := runLoop(t)
			for range 100 {
				s, _, _ := g.dial(t)
				ended := make(chan error, 1)
				go func() { ended <- s.AwaitRead() }()
				row.end(s)
				if err := <-ended; err != row.want {
					t.Fatalf("got %v, want %v", err, row.want)
				}
			}
		})
	}
}

// TestADeadlineIsForgotten goes on after one that has passed.
func TestADeadlineIsForgotten(t *testing.T) {
	s, far, _ := runLoop(t).dial(t)
	s.SetReadDeadline(time.Unix(1, 0))
	far.Write([]byte("x"))
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Write([]byte("x")); err != nil {
		t.Errorf("the deadline of reading ends writing: %v", err)
	}
	s.SetReadDeadline(time.Time{})
	if n, err := s.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}

// TestCloseWaitsForCalls closes a socket whose descriptor is in use: its number must not become another's before that ends.
func TestCloseWaitsForCalls(t *testing.T) {
	s, far, _ := runLoop(t).dial(t)
	fd := int(s.fd)
	raw, _ := s.SyscallConn()
	raw.Control(func(uintptr) {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if !isOpen(fd) {
			t.Error("the descriptor is closed while it is in use")
		}
	})
	if isOpen(fd) {
		t.Error("the descriptor is left open")
	}
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the peer gets %v", err)
	}
	p := make([]byte, 1)
	for what, err := range map[string]error{
		"Close": s.Close(), "TryRead": second(s.TryRead(p)), "TryWrite": second(s.TryWrite(p)), "Read": second(s.Read(p)),
		"Write": second(s.Write(p)), "CloseWrite": s.CloseWrite(), "Err": s.Err(), "SetLinger": s.SetLinger(0),
		"AwaitRead": s.AwaitRead(), "Control": raw.Control(func(uintptr) {}),
	} {
		if err != net.ErrClosed {
			t.Errorf("%s of a closed socket: %v", what, err)
		}
	}
}

// TestCloseBesideEverything closes sockets while two goroutines use them; the race detector and goleak look on.
func TestCloseBesideEverything(t *testing.T) {
	g := runLoop(t)
	for range 50 {
		s, far, _ := g.dial(t)
		ended := make(chan struct{}, 3)
		go func() { io.Copy(io.Discard, s); ended <- struct{}{} }()
		go func() { io.Copy(s, strings.NewReader(strings.Repeat("x", 1<<16))); ended <- struct{}{} }()
		go func() { far.Write([]byte("x")); far.Close(); ended <- struct{}{} }()
		s.Close()
		for range 3 {
			<-ended
		}
		if n := s.users.Load(); n != 1 {
			t.Fatalf("users %d after the last one has left", n)
		}
	}
	eventually(t, "epoll watches nothing", func() bool { return g.watched(t) == 0 })
}

func TestTake(t *testing.T) {
	g := runLoop(t)
	s, far, o := g.dial(t)
	o.await(t, Out)
	raw, _ := s.SyscallConn()
	raw.Control(func(uintptr) {
		if _, _, err := s.Take(nil); err != net.ErrClosed {
			t.Errorf("taken while it is in use: %v", err)
		}
	})
	fd, _, err := s.Take(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(int(fd))
	if n := g.watched(t); n != 0 {
		t.Errorf("epoll watches %d descriptors", n)
	}
	far.Write([]byte("x"))
	if err := s.Close(); err != net.ErrClosed {
		t.Errorf("closing what was taken: %v", err)
	}
	unix.SetNonblock(int(fd), false)
	if n, err := unix.Read(int(fd), make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("reading from what was taken: %d, %v", n, err)
	}
	if _, _, err := s.Take(nil); err != net.ErrClosed {
		t.Errorf("taken twice: %v", err)
	}
	if len(o) != 0 {
		t.Error("its owner is told of what is not its any more")
	}
}

// TestTakeOnItsLoop hands a socket's registration on: what happens to the socket reaches its new handler, and in the end
// nobody.
func TestTakeOnItsLoop(t *testing.T) {
	g := runLoop(t)
	s, far, o := g.dial(t)
	o.await(t, Out)
	fd, token, err := s.Take(g.Loop)
	if err != nil || token == 0 {
		t.Fatal(token, err)
	}
	defer unix.Close(int(fd))
	heir := make(heir, 10)
	g.Hand(token, heir)
	if _, err := s.TryRead(make([]byte, 1)); err != net.ErrClosed {
		t.Errorf("reading what was taken: %v", err)
	}
	if err := s.Close(); err != net.ErrClosed {
		t.Errorf("closing what was taken: %v", err)
	}
	far.Write([]byte("x"))
	if events := <-heir; events&unix.EPOLLIN == 0 || !isOpen(int(fd)) {
		t.Errorf("told of %b, and the descriptor may be closed", events)
	}
	if !g.Leave(token) || g.Leave(token) {
		t.Error("it cannot be left once")
	}
	if len(o) != 0 {
		t.Error("its owner is told of what is not its any more")
	}
}

// heir is a handler that keeps the events it is told of.
type heir chan uint32

func (h heir) Ready(events uint32) { h <- events }
func (heir) Fail()                 {}

// bomb is an owner that panics.
type bomb struct{}

func (bomb) Edge(*Socket, uint32) { panic("boom") }

func TestAPanicOfTheOwnerClosesItsSocket(t *testing.T) {
	g := runLoop(t)
	fd, far := connection(t)
	s := new(Socket)
	if err := NewSocket(g.Loop, fd, s, bomb{}); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the peer gets %v", err)
	}
	other, otherFar, _ := g.dial(t)
	go otherFar.Write([]byte("x"))
	if n, err := other.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("another socket: %d, %v", n, err)
	}
}

func TestADialEnds(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	open := ln.Addr().(*net.TCPAddr).AddrPort()
	shut, err := net.Listen("tcp4", "127.1.2.3:0") // an address of its own: nobody takes the port meanwhile
	if err != nil {
		t.Fatal(err)
	}
	shut.Close()
	for name, row := range map[string]struct {
		to   *net.TCPAddr
		want error
	}{
		"well":             {net.TCPAddrFromAddrPort(open), nil},
		"with its refusal": {shut.Addr().(*net.TCPAddr), syscall.ECONNREFUSED},
	} {
		t.Run(name, func(t *testing.T) {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte(row.to.IP.To4()), Port: row.to.Port})
			s := new(Socket)
			if err := NewSocket(runLoop(t).Loop, fd, s, make(told, 10)); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.AwaitWrite(); err != nil {
				t.Error(err)
			}
			if err := s.Err(); !errors.Is(err, row.want) {
				t.Errorf("got %v, want %v", err, row.want)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	s, far, _ := runLoop(t).dial(t)
	if s.LocalAddr().String() != far.RemoteAddr().String() || s.RemoteAddr().String() != far.LocalAddr().String() {
		t.Errorf("from %v to %v, want from %v to %v", s.LocalAddr(), s.RemoteAddr(), far.RemoteAddr(), far.LocalAddr())
	}
	s.SetLinger(0)
	s.Close()
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer of a socket that does not linger gets %v", err)
	}
	if got := s.RemoteAddr().String(); got == "" {
		t.Error("a closed socket has no address to print")
	}
}
