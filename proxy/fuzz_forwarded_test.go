package proxy

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

var (
	trustedPeer = netip.MustParseAddr("10.0.0.1")
	strangePeer = netip.MustParseAddr("192.0.2.1")
	fuzzConfig  = Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
)

// FuzzForwarded has a peer send any field lines, and demands:
//   - of one that is not trusted nothing counts;
//   - the client is the right-most address of the chain that is not trusted, as somebody else reads the chain;
//   - what goes upstream is admitted again, and names client and chain once each, ending with the peer.
func FuzzForwarded(f *testing.F) {
	for _, lines := range []string{
		"", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 6.6.6.6, 1.2.3.4,10.0.0.2", "X-Forwarded-For: 1.2.3.4\r\nx-forwarded-for: 10.0.0.2",
		"X-Forwarded-For: [2001:db8::1]:80, fd00::1", "X-Forwarded-For: ::ffff:10.0.0.3, unknown, 10.0.0.2", "X-Forwarded-For: ,, 1.2.3.4:5 ,",
		"X-Forwarded-For: fe80::1%eth0", "X-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=1.2.3.4",
		"X_Forwarded_For: 6.6.6.6", "Connection: X-Forwarded-For\r\nX-Forwarded-For: 1.2.3.4",
	} {
		f.Add(lines, true)
		f.Add(lines, false)
	}
	f.Fuzz(func(t *testing.T, lines string, trusted bool) {
		x := &exchange{draft: new(draft), facts: facts{query: &noQuery}, c: &conn{p: &Proxy{cfg: fuzzConfig}, peer: strangePeer}}
		if trusted {
			x.c.peer = trustedPeer
		}
		raw := []byte("GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n\r\n")
		if n, err := x.req.Parse(raw, 0, http1.Limits{}); n != len(raw) || err != nil {
			return
		}
		chain := strings.Join(valuesOf(&x.req, "X-Forwarded-For"), ", ")
		x.from = forwardedFrom(x.c.peer, x.req.Fields, x.c.p.cfg.trusts)
		if !trusted {
			if x.from.client != x.c.peer || x.from.chain != nil || x.from.proto != nil || x.from.host != nil {
				t.Errorf("%q of a stranger counts: %+v", lines, x.from)
			}
			chain = ""
		} else if want := clientOf(chain, x.c.peer); x.from.client != want {
			t.Errorf("%q comes from %v, want %v", chain, x.from.client, want)
		}
		checkForwarding(t, x, chain)
	})
}

func valuesOf(req *http1.Request, name string) (values []string) {
	for _, f := range req.Fields {
		if strings.EqualFold(string(f.Name), name) {
			values = append(values, string(f.Value))
		}
	}
	return values
}

// clientOf reads a chain from its right end with the means of package net.
func clientOf(chain string, peer netip.Addr) netip.Addr {
	members := strings.Split(chain, ",")
	for i := len(members) - 1; i >= 0; i-- {
		member := strings.Trim(members[i], " \t")
		if member == "" {
			continue
		}
		ip, ok := netip.AddrFromSlice(net.ParseIP(bareHost(member)))
		if !ok {
			return peer
		}
		if peer = ip.Unmap(); !fuzzConfig.trusts(peer) {
			return peer
		}
	}
	return peer
}

// bareHost takes brackets and a port off.
func bareHost(member string) string {
	if strings.HasPrefix(member, "[") && strings.HasSuffix(member, "]") {
		return member[1 : len(member)-1]
	}
	host, port, err := net.SplitHostPort(member)
	if err != nil {
		return member
	}
	_, err = netip.ParseAddrPort("1.2.3.4:" + port)
	if inBrackets := strings.HasPrefix(member, "["); err != nil || inBrackets != strings.Contains(host, ":") {
		return "" // no port, or an IPv4 address in brackets
	}
	return host
}

// checkForwarding demands that what goes upstream says who the client is once, and cannot be read in another way.
func checkForwarding(t *testing.T, x *exchange, chain string) {
	out := x.appendRequest(nil)
	var again http1.Request
	if n, err := again.Parse(out, 0, http1.Limits{HeadBytes: 1 << 20, Fields: 1000}); n != len(out) || err != nil {
		t.Fatalf("the backend gets %q, which is not admitted: %v", out, err)
	}
	const empty = ", " // members of nothing, which do not count, at the beginning
	chain = strings.TrimLeft(chain+empty+x.c.peer.String(), empty)
	for name, want := range map[string]string{"X-Forwarded-For": chain, "X-Real-IP": x.from.client.String()} {
		if got := valuesOf(&again, name); len(got) != 1 || strings.TrimLeft(got[0], empty) != want {
			t.Errorf("the backend gets %s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-Host", "Host"} {
		if got := valuesOf(&again, name); len(got) != 1 {
			t.Errorf("the backend gets %s: %q", name, got)
		}
	}
	for _, f := range again.Fields {
		like := strings.ToLower(strings.ReplaceAll(string(f.Name), "_", "-"))
		if strings.Contains(string(f.Name), "_") && (like > "x-forwarded-" && strings.HasPrefix(like, "x-forwarded-") || like == "x-real-ip") {
			t.Errorf("the backend gets %s", f.Name)
		}
	}
}
