package event

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// prepared returns a socket of the loop that is not connected.
func (g *rig) prepared(t *testing.T, family int) (*Socket, told) {
	t.Helper()
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, o := new(Socket), make(told, 1000)
	Prepare(g.Loop, fd, s, o)
	t.Cleanup(func() { s.Close() })
	return s, o
}

// listening returns where a listener listens.
func listening(t *testing.T, network, address string) (net.Listener, netip.AddrPort) {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	if tcp, ok := ln.(*net.TCPListener); ok {
		tcp.SetDeadline(time.Now().Add(patience))
		return ln, ln.Addr().(*net.TCPAddr).AddrPort()
	}
	return ln, netip.AddrPort{}
}

// expect accepts a connection and reads it up to its end.
func expect(t *testing.T, ln net.Listener, want string) {
	t.Helper()
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	if got, err := io.ReadAll(nc); err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// TestConnectedSocketsSpeak connects a socket in each way there is, and has it say something.
func TestConnectedSocketsSpeak(t *testing.T) {
	g := runLoop(t)
	path := filepath.Join(t.TempDir(), "socket")
	for name, row := range map[string]struct {
		family           int
		network, address string
	}{
		"to IPv4":          {unix.AF_INET, "tcp4", "127.0.0.1:0"},
		"to IPv6":          {unix.AF_INET6, "tcp6", "[::1]:0"},
		"to a Unix socket": {unix.AF_UNIX, "unix", path},
	} {
		t.Run(name, func(t *testing.T) {
			ln, to := listening(t, row.network, row.address)
			s, o := g.prepared(t, row.family)
			var err error
			if to.IsValid() {
				err = s.Connect(to)
			} else {
				err = s.ConnectUnix(path)
			}
			if err != nil {
				t.Fatal(err)
			}
			o.await(t, Out)
			if err := s.Err(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.TryWrite([]byte("hello")); err != nil {
				t.Error(err)
			}
			s.Close()
			expect(t, ln, "hello")
		})
	}
}

// TestWhatIsPostedWithADialArrives posts for more sockets than there is room for, some of which are to be connected before.
func TestWhatIsPostedWithADialArrives(t *testing.T) {
	g := newLoop(t)
	if g.Ring() == nil {
		t.Log("the kernel gives no ring")
		return
	}
	g.PostAll(true)
	there, far, _ := g.dial(t)
	replies := make([]reply, RingSize)
	if !g.Post(there, []byte("there"), &replies[0]) {
		t.Fatal("a letter was not taken")
	}
	rows := []struct {
		family           int
		network, address string
	}{{unix.AF_INET, "tcp4", "127.0.0.1:0"}, {unix.AF_INET6, "tcp6", "[::1]:0"}}
	const room = (RingSize - 1) / 2
	var listeners [room]net.Listener
	var sockets [room + 1]*Socket
	for i := range sockets {
		row := rows[i%2]
		ln, to := listening(t, row.network, row.address)
		s, _ := g.prepared(t, row.family)
		if taken := g.PostDial(s, to, []byte(row.network), &replies[i+1]); taken != (i < room) {
			t.Fatalf("dial %d of %d: taken is %v", i, room, taken)
		} else if taken {
			listeners[i], sockets[i] = ln, s
		}
	}
	g.deliver()
	there.Close()
	if got, err := io.ReadAll(far); err != nil || string(got) != "there" {
		t.Errorf("got %q, %v", got, err)
	}
	for i, ln := range listeners {
		if r := replies[i+1]; r.n != len("tcp4") || r.err != nil {
			t.Errorf("dial %d: told of %d bytes, %v", i, r.n, r.err)
		}
		sockets[i].Close()
		expect(t, ln, rows[i%2].network)
	}
}

// TestADialThatFailsSaysSo posts with dials that go wrong in several ways; what is posted beside them arrives.
func TestADialThatFailsSaysSo(t *testing.T) {
	g := newLoop(t)
	if g.Ring() == nil {
		t.Log("the kernel gives no ring")
		return
	}
	g.PostAll(true)
	ln, nobody := listening(t, "tcp4", "127.0.0.1:0")
	ln.Close()
	itself, _ := g.prepared(t, unix.AF_INET)
	if err := unix.Bind(itself.fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: int(nobody.Port())}); err != nil {
		t.Fatal(err)
	}
	refused, _ := g.prepared(t, unix.AF_INET)
	unreachable, _ := g.prepared(t, unix.AF_INET)
	beside, far, _ := g.dial(t)
	var told [4]reply
	posted := g.PostDial(refused, nobody, []byte("x"), &told[0]) && g.Post(beside, []byte("beside"), &told[3]) &&
		g.PostDial(itself, nobody, []byte("x"), &told[1]) &&
		g.PostDial(unreachable, netip.MustParseAddrPort("255.255.255.255:9"), []byte("x"), &told[2])
	if !posted {
		t.Fatal("a letter was not taken")
	}
	g.deliver()
	for i, want := range []error{unix.ECONNREFUSED, unix.ECONNREFUSED, nil} {
		if told[i].err == nil || want != nil && !errors.Is(told[i].err, want) {
			t.Errorf("letter %d: told of %d bytes, %v, want %v", i, told[i].n, told[i].err, want)
		}
	}
	beside.Close()
	if got, err := io.ReadAll(far); err != nil || string(got) != "beside" {
		t.Errorf("got %q, %v", got, err)
	}
}
