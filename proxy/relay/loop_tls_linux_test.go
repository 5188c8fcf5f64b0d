package relay_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

// TestATunnelBeginsWithWhatTLSHasRead has a client speak before its tunnel begins, in records of which only a byte has been
// asked for: no event tells of the others, nor of the client's farewell.
func TestATunnelBeginsWithWhatTLSHasRead(t *testing.T) {
	for _, l := range lanes {
		if !l.tls || l.wrapped {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			k := newKit(t, l)
			var spec relay.Tunnel
			tn := k.prepare(&spec)
			for _, s := range []string{"one,", "two,", "three"} {
				io.WriteString(tn.client, s)
			}
			closeWrite(t, tn.client)
			first := make([]byte, 1)
			client := spec.Client.(*event.TLS)
			if _, err := io.ReadFull(client, first); err != nil {
				t.Fatal(err)
			}
			spec.ToBackend = first
			if err := k.relay.Start(spec); err != nil {
				t.Fatal(err)
			}
			hear(t, tn.backend, "one,two,three")
			hearEOF(t, tn.backend)
			pass(t, tn.backend, tn.client, "answer")
			closeWrite(t, tn.backend)
			hearEOF(t, tn.client)
			tn.ended(relay.ClientClosed)
		})
	}
}

// TestATunnelEndsWithinARecord has a client send a part of a record and a FIN in a single segment.
func TestATunnelEndsWithinARecord(t *testing.T) {
	for _, l := range lanes {
		if !l.tls {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			k := newKit(t, l)
			tn := k.open(relay.Tunnel{})
			tn.exchange()
			below := tn.client.(*tls.Conn).NetConn().(*net.TCPConn)
			raw, err := below.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, 1) })
			io.WriteString(below, "\x17\x03\x03\x00\x20part")
			below.CloseWrite()
			hearEOF(t, tn.backend)
			tn.backend.Close()
			tn.ended(relay.ClientClosed)
		})
	}
}

// TestABurstOverTLSArrives has a client send, while the loop is busy, more than it reads in a row: what is left then is partly
// in the socket and partly in TLS.
func TestABurstOverTLSArrives(t *testing.T) {
	for _, l := range lanes {
		if !l.tls || l.wrapped {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			k := newIdleKit(t, l)
			k.relay.ReadAtMost(8 << 10)
			k.run(t.Context())
			tn := k.open(relay.Tunnel{})
			tn.exchange()
			busy, free := make(chan bool), make(chan bool)
			other := k.open(relay.Tunnel{Done: func(relay.Stats) { close(busy); <-free }}) // on the loop
			other.client.Close()
			other.backend.Close()
			receive(t, busy)
			const size = 120 << 10 // which the sockets hold between them
			if _, err := tn.client.Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			close(free)
			expectZeros(t, tn.backend, size)
		})
	}
}
