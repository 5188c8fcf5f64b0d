package relay

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// crowd is many tunnels of a relay that does not run yet, to each of which a client has said something: the loop finds all of
// that at its first look.
type crowd struct {
	relay          *Relay
	clients, peers []io.ReadWriteCloser
	done           chan Stats
}

const crowdSize = 100 // more than a ring takes at a time

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	r, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	c := &crowd{relay: r, done: make(chan Stats, crowdSize)}
	for i := range crowdSize {
		near, client := pairOf(t)
		backendNear, peer := pairOf(t)
		if err := r.Start(Tunnel{Client: near, Backend: backendNear, Done: func(s Stats) { c.done <- s }}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(client, said(i))
		c.clients, c.peers = append(c.clients, client), append(c.peers, peer)
	}
	return c
}

// said is what the i-th client says: no two say the same, and some more than fits a letter.
func said(i int) string { return strings.Repeat(fmt.Sprintf("%03d ", i), 1+10*i) }

// expect runs the relay, and reads at every peer what its client has said. Then all leave.
func (c *crowd) expect(t *testing.T) {
	t.Helper()
	go c.relay.Run(t.Context())
	for i, p := range c.peers {
		got := make([]byte, len(said(i)))
		if _, err := io.ReadFull(p, got); err != nil || string(got) != said(i) {
			t.Errorf("the backend of client %d got %.20q…, %v", i, got, err)
		}
		c.clients[i].Close()
		p.Close()
	}
	for range crowdSize {
		<-c.done
	}
}

func TestWhatManySayAtOnceGetsToTheirBackends(t *testing.T) { newCrowd(t).expect(t) }

// TestARingThatFailsLosesNothing shows that the ring is used, too.
func TestARingThatFailsLosesNothing(t *testing.T) {
	c := newCrowd(t)
	p := &c.relay.loops[0].post
	if p.ring == nil {
		t.Log("the kernel gives no ring")
		return
	}
	spoil(t)
	c.expect(t)
	c.relay.Close()
	if !p.ring.Failed() {
		t.Error("the ring has not been used")
	}
}

// spoil puts something else in the place of every ring of the process.
func spoil(t *testing.T) {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		if what, _ := os.Readlink("/proc/self/fd/" + entry.Name()); what == "anon_inode:[io_uring]" {
			fd, _ := strconv.Atoi(entry.Name())
			if err := unix.Dup3(int(null.Fd()), fd, unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestATunnelThatEndsAmongOthersKeepsNothingFromThem has every third client leave before the loop looks for the first time.
func TestATunnelThatEndsAmongOthersKeepsNothingFromThem(t *testing.T) {
	c := newCrowd(t)
	for i := range c.clients {
		switch i % 3 {
		case 1:
			c.clients[i].Close()
		case 2:
			io.WriteString(c.peers[i], "hello")
		}
	}
	c.expect(t)
}
