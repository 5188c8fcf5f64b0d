package discovery_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// zone is what the name server knows: of each name its records, as in "A 10.0.0.1". One as in "A SERVFAIL" is the code
// that questions for that type are answered with.
type zone map[string][]string

// nameServer is a real DNS server on loopback, over UDP and TCP.
type nameServer struct {
	mu   sync.Mutex
	zone zone
	addr string
	gone atomic.Bool // resolvers find nobody at its address; each refusal names another local port of theirs
}

// startNameServer starts a name server, which ends with the test. It is not to be called in a bubble of synctest.
func startNameServer(t *testing.T) *nameServer {
	t.Helper()
	tcp, udp := listen(t)
	n := &nameServer{addr: tcp.Addr().String()}
	for _, server := range []*dns.Server{{PacketConn: udp, Handler: n}, {Listener: tcp, Handler: n}} {
		started, ended := make(chan struct{}), make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go func() {
			defer close(ended)
			server.ActivateAndServe()
		}()
		<-started
		t.Cleanup(func() {
			server.Shutdown()
			<-ended
		})
	}
	n.resolver().LookupHost(t.Context(), "first.test.") // it opens the net package's own channels outside the bubbles
	return n
}

// listen takes one port for both protocols.
func listen(t *testing.T) (net.Listener, net.PacketConn) {
	t.Helper()
	for range 20 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if udp, err := net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			return tcp, udp
		}
		tcp.Close() // somebody else has that port for UDP
	}
	t.Fatal("no port is free for both TCP and UDP")
	return nil, nil
}

// knows makes z all that the server knows from now on.
func (n *nameServer) knows(z zone) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.zone = z
}

// resolver returns a standard resolver that asks this server and no other.
func (n *nameServer) resolver() *net.Resolver {
	return &net.Resolver{
		PreferGo:     true,
		StrictErrors: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			addr := n.addr
			if n.gone.Load() {
				network, addr = "tcp", "127.0.0.1:1"
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}
}

// ServeDNS answers one question.
func (n *nameServer) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	q := question.Question[0]
	records, known := n.zone[q.Name]
	reply := new(dns.Msg).SetReply(question)
	reply.RecursionAvailable = true
	if !known {
		reply.Rcode = dns.RcodeNameError
	}
	for _, text := range records {
		kind, value, _ := strings.Cut(text, " ")
		if kind != dns.TypeToString[q.Qtype] {
			continue
		}
		if code, ok := dns.StringToRcode[value]; ok {
			reply.Rcode = code
			continue
		}
		rr, err := dns.NewRR(q.Name + " 1 IN " + text)
		if err != nil {
			panic(err)
		}
		reply.Answer = append(reply.Answer, rr)
	}
	if w.RemoteAddr().Network() == "udp" {
		size := dns.MinMsgSize
		if opt := question.IsEdns0(); opt != nil {
			size = int(opt.UDPSize())
		}
		reply.Truncate(size)
	}
	w.WriteMsg(reply)
}
