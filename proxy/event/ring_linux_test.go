package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// newRing returns no ring where the kernel refuses it, as it may.
func newRing(t *testing.T) *Ring {
	t.Helper()
	r, err := NewRing()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EACCES) {
		t.Log("the kernel gives no ring:", err)
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// line returns one end of a connection, as a descriptor, and the other end.
func line(t *testing.T) (fd int32, far *net.TCPConn) {
	t.Helper()
	n, far := connection(t)
	t.Cleanup(func() { CloseFD(n) })
	return int32(n), far
}

// fullSocket returns a socket that takes nothing more: a Unix one, for of a TCP connection the kernel moves bytes on by itself.
func fullSocket(t *testing.T) int32 {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { CloseFD(pair[0]); CloseFD(pair[1]) })
	for p := make([]byte, 1<<10); err == nil; {
		_, err = unix.Write(pair[0], p)
	}
	return int32(pair[0])
}

func TestARingSendsToEachWhatItIsToGet(t *testing.T) {
	r := newRing(t)
	if r == nil {
		return
	}
	var ended [RingSize]int32
	var lines [RingSize]int32
	var far [RingSize]*net.TCPConn
	for i := range lines {
		lines[i], far[i] = line(t)
	}
	for _, n := range []int{1, 2, RingSize, 3, RingSize, RingSize - 1} { // whose sum goes round more than once
		for i := range n {
			r.Put(lines[i], fmt.Appendf(nil, "%d of %d", i, n))
		}
		r.Submit(&ended)
		for i := range n {
			want := fmt.Sprintf("%d of %d", i, n)
			got := make([]byte, len(want))
			if int(ended[i]) != len(want) {
				t.Errorf("send %s ended with %d, want %d", want, ended[i], len(want))
			} else if _, err := io.ReadFull(far[i], got); err != nil || string(got) != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
	}
}

func TestARingTellsHowEachSendHasEnded(t *testing.T) {
	r := newRing(t)
	if r == nil {
		return
	}
	full := fullSocket(t)
	shut, _ := line(t)
	ShutdownWrite(int(shut))
	good, far := line(t)
	large := bytes.Repeat([]byte("x"), 64<<20)
	var ended [RingSize]int32
	r.Put(full, []byte("x"))
	r.Put(shut, []byte("x"))
	r.Put(-1, []byte("x"))
	r.Put(good, large)
	r.Submit(&ended)
	want := []int32{-int32(unix.EAGAIN), -int32(unix.EPIPE), -int32(unix.EBADF)}
	for i, w := range want {
		if ended[i] != w {
			t.Errorf("send %d ended with %d, want %d", i, ended[i], w)
		}
	}
	if n := int(ended[3]); n <= 0 || n >= len(large) {
		t.Errorf("%d of %d bytes are sent to who does not read, want a part", n, len(large))
	} else if _, err := io.CopyN(io.Discard, far, int64(n)); err != nil {
		t.Error(err)
	}
}

func TestARingThatFailsSendsEachByItself(t *testing.T) {
	r := newRing(t)
	if r == nil {
		return
	}
	own := r.fd
	defer func() { r.fd = own }()
	r.fd = -1
	near, far := line(t)
	var ended [RingSize]int32
	for range 2 {
		r.Put(near, []byte("one"))
		r.Put(-1, []byte("two"))
		r.Put(near, []byte("three"))
		r.Submit(&ended)
		if got, want := [3]int32(ended[:3]), [...]int32{3, -int32(unix.EBADF), 5}; got != want {
			t.Errorf("the sends ended with %d, want %d", got, want)
		}
		got := make([]byte, len("onethree"))
		if _, err := io.ReadFull(far, got); err != nil || string(got) != "onethree" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if !r.Failed() {
		t.Error("it has not failed")
	}
}
