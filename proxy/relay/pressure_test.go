package relay_test

import (
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

// TestAPeerThatDoesNotReadCostsBoundedMemory stalls the directions of many tunnels that come from who speaks no TLS, and then checks that no byte was
// lost on the way.
func TestAPeerThatDoesNotReadCostsBoundedMemory(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		if k.sealed {
			return // a peer whose write has stalled has broken its own stream, so that both cannot speak TLS
		}
		const count = 20
		before := memoryInUse()
		var tunnels []*tunnel
		for range count {
			tunnels = append(tunnels, k.open(relay.Tunnel{}))
		}
		sent := make([][2]int64, count)
		var all sync.WaitGroup
		for i, tn := range tunnels {
			if !k.tls {
				all.Go(func() { sent[i][0] = sendUntilStalled(tn.client) })
			}
			all.Go(func() { sent[i][1] = sendUntilStalled(tn.backend) })
		}
		all.Wait()
		each := (memoryInUse() - before) / count
		t.Logf("%d KiB for a stalled tunnel", each>>10)
		limit := int64(3 * relay.ReadSize) // one buffer each way, and room for all else
		if each > limit {
			t.Errorf("%d bytes for a stalled tunnel, want at most %d", each, limit)
		}
		for i, tn := range tunnels {
			all.Go(func() { expectZeros(t, tn.backend, sent[i][0]) })
			all.Go(func() { expectZeros(t, tn.client, sent[i][1]) })
		}
		all.Wait()
	})
}

// sendUntilStalled writes zeros until nothing has been taken for a while.
func sendUntilStalled(c net.Conn) (sent int64) {
	p := make([]byte, 8<<10)
	defer c.SetWriteDeadline(time.Now().Add(patience))
	for {
		c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := c.Write(p)
		sent += int64(n)
		if err != nil {
			return sent
		}
	}
}

func expectZeros(t *testing.T, c net.Conn, want int64) {
	c.SetReadDeadline(time.Now().Add(patience))
	if n, err := io.CopyN(io.Discard, c, want); err != nil {
		t.Errorf("read %d bytes, %v; want %d", n, err, want)
	}
}

func memoryInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestEndGroupSendsWhatASlowClientStillHasToGet(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		if k.sealed {
			return // as above
		}
		tn := k.open(relay.Tunnel{Group: 1})
		sent := sendUntilStalled(tn.backend)
		k.relay.EndGroup(1)
		got, err := io.Copy(io.Discard, struct{ io.Reader }{tn.client})
		if err != nil || got == 0 || got > sent {
			t.Errorf("the client read %d of %d bytes, %v", got, sent, err)
		}
		tn.client.Close()
		if s := receive(t, tn.done); s.ToClient != got {
			t.Errorf("%d bytes counted, %d arrived", s.ToClient, got)
		}
	})
}

// TestDescriptorReuseNeverCrossesTunnels opens and closes tunnels from many goroutines, each end closed in a way of its
// own, so that the kernel hands descriptor numbers out again at once. Every tunnel must carry its own bytes only.
func TestDescriptorReuseNeverCrossesTunnels(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		rounds := 150
		if k.tls || testing.Short() {
			rounds = 30
		}
		var all, started sync.WaitGroup
		var accept sync.Mutex // connect pairs a dial with the next accept
		for worker := range 8 {
			dice := rand.New(rand.NewPCG(1, uint64(worker)))
			all.Go(func() {
				for range rounds {
					accept.Lock()
					started.Add(1)
					tn := k.open(relay.Tunnel{Group: worker % 3, Done: func(relay.Stats) { started.Done() }})
					accept.Unlock()
					storm(t, k, tn, worker, dice)
				}
			})
		}
		all.Wait()
		k.relay.EndGroup(0)
		started.Wait()
	})
}

func storm(t *testing.T, k *kit, tn *tunnel, worker int, dice *rand.Rand) {
	defer reset(tn.client) // what is closed already stays so
	defer reset(tn.backend)
	msg := make([]byte, 16)
	for i := range msg {
		msg[i] = byte('a' + dice.IntN(26))
	}
	if worker%3 != 0 { // the group that EndGroup hits at any moment
		echoOnce(t, tn, string(msg))
	}
	switch dice.IntN(5) {
	case 0:
		tn.client.Close()
		tn.backend.Close()
	case 1:
		tn.backend.Close()
		tn.client.Close()
	case 2:
		io.WriteString(tn.client, "unread")
		tn.backend.Close()
		tn.client.Close()
	case 3:
		reset(tn.backend)
		tn.client.Close()
	default:
		k.relay.EndGroup(0)
		tn.client.Close()
		tn.backend.Close()
	}
}
