package event

import (
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

// reply keeps what it is told of a letter, and posts another when it is.
type reply struct {
	n      int
	err    error
	again  *Socket
	posted bool
}

func (r *reply) Posted(l *Loop, n int, err error) {
	r.n, r.err = n, err
	if r.again != nil {
		r.posted = l.Post(r.again, []byte("more"), r)
	}
}

func TestWhatIsPostedIsSentTogether(t *testing.T) {
	g := newLoop(t)
	if g.Ring() == nil {
		t.Log("the kernel gives no ring")
		return
	}
	a, farA, _ := g.dial(t)
	b, farB, _ := g.dial(t)
	var toA, toB reply
	if g.Post(a, []byte("alone"), &toA) {
		t.Fatal("a letter was taken that would be alone")
	}
	g.PostAll(true)
	toA.again = a
	if !g.Post(a, []byte("one"), &toA) || !g.Post(b, []byte("second"), &toB) {
		t.Fatal("a letter was not taken")
	}
	b.Close()
	if !isOpen(int(b.fd)) {
		t.Error("a socket's number was let go of before its letter was sent")
	}
	g.deliver()
	if isOpen(int(b.fd)) {
		t.Error("a socket that was closed is open behind its letter")
	}
	if toA.n != 3 || toA.err != nil || toB.n != 6 || toB.err != nil {
		t.Errorf("told of %d bytes, %v, and %d, %v", toA.n, toA.err, toB.n, toB.err)
	}
	if toA.posted {
		t.Error("a letter was taken while others were delivered")
	}
	if g.Post(b, []byte("late"), &toB) {
		t.Error("a letter was taken for a socket that is closed")
	}
	a.Close()
	for want, far := range map[string]io.Reader{"one": farA, "second": farB} {
		if got, err := io.ReadAll(far); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func TestALetterThatIsNotTakenWholeSaysSo(t *testing.T) {
	g := newLoop(t)
	if g.Ring() == nil {
		t.Log("the kernel gives no ring")
		return
	}
	g.PostAll(true)
	a, _, _ := g.dial(t)
	b, _, _ := g.dial(t)
	b.CloseWrite()
	large := make([]byte, 64<<20)
	var toA, toB reply
	if !g.Post(a, large, &toA) || !g.Post(b, []byte("x"), &toB) {
		t.Fatal("a letter was not taken")
	}
	g.deliver()
	if toA.n <= 0 || toA.n >= len(large) || toA.err != nil {
		t.Errorf("told of %d bytes, %v, want a part", toA.n, toA.err)
	}
	if toB.err != unix.EPIPE {
		t.Errorf("told of %v, want EPIPE", toB.err)
	}
}
