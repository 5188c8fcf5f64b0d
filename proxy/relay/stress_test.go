package relay_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

// What becomes of a tunnel under stress, which is also its group.
const (
	leftAlone = iota // both streams must arrive whole, and be counted
	clientResets
	groupEnded
	drained
	fates
)

// TestManyTunnelsAtOnceKeepTheirStreamsApart has 64 tunnels carry messages both ways while some are ended in every way there
// is and others take their place.
func TestManyTunnelsAtOnceKeepTheirStreamsApart(t *testing.T) {
	for _, l := range []lane{
		{name: "as it comes", network: "tcp"},
		{name: "all posted", network: "tcp", posted: true},
		{name: "two loops, all posted", network: "tcp", posted: true, loops: 2},
	} {
		t.Run(l.name, func(t *testing.T) {
			k := newKit(t, l)
			var all sync.WaitGroup
			var accept sync.Mutex // connect pairs a dial with the next accept
			for i := range uint64(64) {
				all.Go(func() {
					for round := range uint64(2) {
						accept.Lock()
						tn := k.open(relay.Tunnel{Group: int(i % fates)})
						accept.Unlock()
						k.strain(tn, i<<8|round)
					}
				})
			}
			all.Wait()
		})
	}
}

// strain carries a stream each way, and ends the tunnel by its fate at some moment.
func (k *kit) strain(tn *tunnel, seed uint64) {
	fate := int(seed>>8) % fates
	dice := rand.New(rand.NewPCG(2, seed))
	up, down := babble(dice, seed), babble(dice, ^seed)
	var atBackend, atClient []byte
	var all sync.WaitGroup
	all.Go(func() { utter(tn.client, up, rand.New(rand.NewPCG(3, seed))) })
	all.Go(func() { utter(tn.backend, down, rand.New(rand.NewPCG(4, seed))) })
	all.Go(func() { atBackend = listen(tn.backend, 64<<10) })
	all.Go(func() {
		if fate == clientResets {
			io.CopyN(io.Discard, tn.client, int64(dice.IntN(len(down))))
			reset(tn.client)
			return
		}
		if fate == groupEnded || fate == drained {
			atClient = make([]byte, dice.IntN(len(down)))
			n, _ := io.ReadFull(tn.client, atClient)
			atClient = atClient[:n]
			k.interrupt(fate)
		}
		atClient = append(atClient, listen(tn.client, 1+dice.IntN(4<<10))...) // some are slow
	})
	all.Wait()
	tn.client.Close()
	tn.backend.Close()
	s := receive(k.t, tn.done)
	if !bytes.HasPrefix(up, atBackend) || !bytes.HasPrefix(down, atClient) {
		k.t.Errorf("stream %#x has something else than what was sent", seed)
	}
	if fate == leftAlone && (len(atBackend) != len(up) || len(atClient) != len(down) ||
		s.ToBackend != int64(len(up)) || s.ToClient != int64(len(down))) {
		k.t.Errorf("stream %#x: %d and %d bytes arrived, %d and %d counted, want %d and %d", seed,
			len(atBackend), len(atClient), s.ToBackend, s.ToClient, len(up), len(down))
	}
}

// interrupt ends all tunnels of the group that is there for it.
func (k *kit) interrupt(fate int) {
	if fate == groupEnded {
		k.relay.EndGroup(fate)
		return
	}
	k.relay.NewDrainer(relay.DrainOptions{Group: fate, Quiet: -1}).End(8)
}

// babble returns what is to be said; no two streams agree for long.
func babble(dice *rand.Rand, seed uint64) []byte {
	p := make([]byte, 60<<10+dice.IntN(40<<10))
	io.ReadFull(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 63)}), p)
	return p
}

// utter writes in pieces about as large as a letter may be, and some far larger ones, and then half-closes.
func utter(c net.Conn, p []byte, dice *rand.Rand) {
	for len(p) > 0 {
		n := 1 + dice.IntN(2100)
		if dice.IntN(20) == 0 {
			n = 20 << 10
		}
		n = min(n, len(p))
		if _, err := c.Write(p[:n]); err != nil {
			return
		}
		p = p[n:]
	}
	c.(*net.TCPConn).CloseWrite()
}

// listen reads a little at a time until the end, or an error.
func listen(c net.Conn, size int) (got []byte) {
	c.SetReadDeadline(time.Now().Add(patience))
	for p := make([]byte, size); ; {
		n, err := c.Read(p)
		got = append(got, p[:n]...)
		if err != nil {
			return got
		}
	}
}
