package relay_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

func TestMessagesPassBothWays(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		tn := k.open(relay.Tunnel{})
		for range 3 {
			tn.exchange()
		}
		if n := k.relay.Len(); n != 1 {
			t.Errorf("Len is %d with one tunnel", n)
		}
		tn.client.Close()
		hearEOF(t, tn.backend)
		tn.backend.Close()
		s := tn.ended(relay.ClientClosed)
		if s.ToClient != 12 || s.ToBackend != 12 {
			t.Errorf("counted %d bytes to the client and %d to the backend, want 12 and 12", s.ToClient, s.ToBackend)
		}
		if n := k.relay.Len(); n != 0 {
			t.Errorf("Len is %d after the end", n)
		}
	})
}

func TestEveryByteOf100MBArrivesInOrderBothWays(t *testing.T) {
	size := int64(100 << 20)
	if testing.Short() {
		size = 5 << 20
	}
	onEveryLane(t, func(t *testing.T, k *kit) {
		tn := k.open(relay.Tunnel{})
		var both sync.WaitGroup
		both.Go(func() { sendNoise(t, tn.client, 1, size) })
		both.Go(func() { sendNoise(t, tn.backend, 2, size) })
		both.Go(func() { checkNoise(t, tn.backend, 1, size) })
		both.Go(func() { checkNoise(t, tn.client, 2, size) })
		both.Wait()
		if s := receive(t, tn.done); s.ToClient != size || s.ToBackend != size {
			t.Errorf("counted %d and %d bytes, want %d", s.ToClient, s.ToBackend, size)
		}
	})
}

// noise is an endless stream that its seed determines.
func noise(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

func sendNoise(t *testing.T, c net.Conn, seed byte, size int64) {
	c.SetDeadline(time.Now().Add(4 * patience))
	if _, err := io.CopyN(struct{ io.Writer }{c}, noise(seed), size); err != nil {
		t.Error("write:", err)
	}
	closeWrite(t, c)
}

func checkNoise(t *testing.T, c net.Conn, seed byte, size int64) {
	want, got := sha256.New(), sha256.New()
	io.CopyN(want, noise(seed), size)
	n, err := io.Copy(got, struct{ io.Reader }{c})
	if err != nil || n != size || string(got.Sum(nil)) != string(want.Sum(nil)) {
		t.Errorf("read %d bytes, %v; want the %d that were sent", n, err, size)
	}
}

func TestEarlyBytesGoFirst(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		early := []byte("early to backend,")
		var spec relay.Tunnel
		tn := k.prepare(&spec)
		spec.ToBackend, spec.ToClient = early, []byte("early to client,")
		say(t, tn.client, "then this")
		say(t, tn.backend, "then that")
		if err := k.relay.Start(spec); err != nil {
			t.Fatal(err)
		}
		clear(early) // Start has copied them
		hear(t, tn.backend, "early to backend,then this")
		hear(t, tn.client, "early to client,then that")
	})
}

func TestEarlyBytesMoreThanTheSocketTakesAreKept(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		early := strings.Repeat("early bytes ", 1<<19)
		tn := k.open(relay.Tunnel{ToClient: []byte(early), ToBackend: []byte(early)})
		say(t, tn.client, "behind")
		say(t, tn.backend, "behind")
		hear(t, tn.backend, early+"behind")
		hear(t, tn.client, early+"behind")
	})
}

func TestTunnelsStartedBeforeRunWaitForIt(t *testing.T) {
	for _, l := range lanes {
		t.Run(l.name, func(t *testing.T) {
			k := newIdleKit(t, l)
			tn := k.open(relay.Tunnel{})
			say(t, tn.client, "early bird")
			k.run(t.Context())
			hear(t, tn.backend, "early bird")
		})
	}
}

func TestTwoThousandTunnelsAtOnce(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		count := 2000
		if k.tls || testing.Short() {
			count = 200 // the handshakes take longer than what is tested
		}
		tunnels := make([]*tunnel, count)
		for i := range tunnels {
			tunnels[i] = k.open(relay.Tunnel{Group: i % 7, IdleTimeout: time.Hour})
		}
		if n := k.relay.Len(); n != count {
			t.Errorf("Len is %d, want %d", n, count)
		}
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				for i := worker; i < count; i += 8 {
					echoOnce(t, tunnels[i], fmt.Sprintf("message of tunnel %d", i))
				}
			})
		}
		all.Wait()
		for _, tn := range tunnels {
			reset(tn.client)
			reset(tn.backend)
		}
		for _, tn := range tunnels {
			receive(t, tn.done)
		}
	})
}

// echoOnce is exchange for goroutines that must not end the test.
func echoOnce(t *testing.T, tn *tunnel, msg string) {
	got := make([]byte, len(msg))
	for _, way := range [][2]net.Conn{{tn.client, tn.backend}, {tn.backend, tn.client}} {
		io.WriteString(way[0], msg)
		if _, err := io.ReadFull(way[1], got); err != nil || string(got) != msg {
			t.Errorf("read %q, %v; want %q", got, err, msg)
		}
	}
}

func TestSeveralLoopsShareTheTunnels(t *testing.T) {
	k := newKit(t, lane{network: "tcp", loops: 3})
	for range 6 {
		k.open(relay.Tunnel{}).exchange()
	}
}
