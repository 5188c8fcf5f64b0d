package handover

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// openDoor opens a door at a path of its own.
func openDoor(t *testing.T) (*Door, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "door")
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d, path
}

// meet lets a successor in, and returns both ends of the conversation.
func meet(t *testing.T) (running, successor *Conn) {
	t.Helper()
	d, path := openDoor(t)
	met := make(chan *Conn, 1)
	go func() {
		c, err := d.Accept()
		if err != nil {
			t.Error(err)
		}
		met <- c
	}()
	successor, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	running = <-met
	t.Cleanup(running.Close)
	t.Cleanup(successor.Close)
	return running, successor
}

func TestMessagesArriveWholeAndInOrder(t *testing.T) {
	running, successor := meet(t)
	texts := [][]byte{nil, []byte("x"), bytes.Repeat([]byte("abc"), 50_000), bytes.Repeat([]byte("z"), MaxMessage), []byte("last")}
	sent := make(chan error, 1)
	go func() {
		var errs []error
		for _, text := range texts {
			errs = append(errs, running.Send(Sessions, text))
		}
		running.Close()
		sent <- errors.Join(errs...)
	}()
	for i, want := range texts {
		m, err := successor.Receive()
		if err != nil || m.Kind != Sessions || !bytes.Equal(m.Text, want) {
			t.Fatalf("message %d: kind %q, %d bytes, error %v; want %d bytes", i, m.Kind, len(m.Text), err, len(want))
		}
	}
	if _, err := successor.Receive(); err != io.EOF {
		t.Errorf("after the last message: %v, want EOF", err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if err := running.Send(Sessions, make([]byte, MaxMessage+1)); err == nil {
		t.Error("a message that is too long was sent")
	}
}

// TestListenersArriveWithTheirQueue hands over sockets on which clients wait to be accepted already.
func TestListenersArriveWithTheirQueue(t *testing.T) {
	running, successor := meet(t)
	clients := map[string]net.Conn{}
	for _, network := range []string{"tcp", "unix"} {
		addr := "127.0.0.1:0"
		if network == "unix" {
			addr = filepath.Join(t.TempDir(), "socket")
		}
		ln, err := net.Listen(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		if u, ok := ln.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		if clients[network], err = net.Dial(network, ln.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer clients[network].Close()
		if err := running.SendListener(network, ln.(interface {
			net.Listener
			sysconn
		})); err != nil {
			t.Fatal(err)
		}
		ln.Close()
	}
	for range clients {
		m, err := successor.Receive()
		if err != nil {
			t.Fatal(err)
		}
		defer m.Listener.Close()
		c, err := m.Listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		client := clients[string(m.Text)]
		if _, err := io.WriteString(client, "hello"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
			t.Errorf("%s: got %q, %v", m.Text, got, err)
		}
	}
}

func TestPatienceEndsAConversation(t *testing.T) {
	running, successor := meet(t)
	successor.ReceiveWithin = time.Millisecond
	if _, err := successor.Receive(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("receiving: %v, want a timeout", err)
	}
	running.SendWithin = time.Millisecond
	var err error
	for range 100 { // more than the system holds
		if err = running.Send(Sessions, make([]byte, MaxMessage)); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("sending: %v, want a timeout", err)
	}
}

// FuzzReceive has any bytes come where messages are expected: they end in messages or in an error, and no length in them
// makes for more memory than a message may have.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("S\x00\x00\x00\x02{}T\x00\x00\x00\x00"))
	f.Add([]byte("L\x00\x00\x00\x01x"))
	f.Add([]byte("S\xff\xff\xff\xff"))
	f.Add([]byte("S\x00\x10\x00\x00short"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 64<<10 {
			return
		}
		c := &Conn{in: bytes.Clone(text)}
		socket, other, err := pair()
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		other.Close()
		c.socket = socket
		for err == nil {
			_, err = c.Receive()
		}
		if cap(c.in) > 2*(MaxMessage+atOnce) {
			t.Errorf("%d bytes held", cap(c.in))
		}
	})
}
