package proxy

import (
	"bytes"
	"net/netip"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

// forwarding is what is known of a request's way to this proxy: whom it comes from, and what the proxies before this
// one, where they are trusted, have said of it.
type forwarding struct {
	client  netip.Addr
	trusted bool   // the peer is a trusted proxy: its X-Forwarded-* fields count and are appended to
	chain   []byte // the X-Forwarded-For list as received from a trusted peer; aliases the head
	proto   []byte // X-Forwarded-Proto likewise
	host    []byte // X-Forwarded-Host likewise
}

// forwardedFrom reads the forwarding fields of a request that peer sent. The client is the right-most address of the
// chain that is not itself a trusted proxy; if all are, the left-most.
func forwardedFrom(peer netip.Addr, fields []http1.Field, trusts func(netip.Addr) bool) forwarding {
	f := forwarding{client: peer}
	if !trusts(peer) {
		return f
	}
	f.trusted = true
	for i := range fields {
		switch fields[i].ID {
		case http1.XForwardedFor:
			f.chain = joinList(f.chain, fields[i].Value)
		case http1.XForwardedProto:
			f.proto = fields[i].Value
		case http1.XForwardedHost:
			f.host = fields[i].Value
		}
	}
	for rest := f.chain; len(rest) > 0; {
		var last []byte
		if rest, last = cutLast(rest); len(last) == 0 {
			continue // RFC 9110 section 5.6.1.2
		}
		addr, ok := parseForwarded(last)
		if !ok {
			break // whoever wrote this is not a proxy that we can trust: what is left of it counts for nothing
		}
		f.client = addr
		if !trusts(addr) {
			break
		}
	}
	return f
}

// joinList joins a field that was sent in several lines (RFC 9110 section 5.3); one line, the usual case, is not copied.
func joinList(list, more []byte) []byte {
	if len(list) == 0 {
		return more
	}
	return append(append(bytes.Clone(list), ", "...), more...)
}

// cutLast splits a comma-separated list before its last member.
func cutLast(list []byte) (rest, last []byte) {
	i := bytes.LastIndexByte(list, ',')
	if i < 0 {
		return nil, bytes.TrimSpace(list)
	}
	return list[:i], bytes.TrimSpace(list[i+1:])
}

// parseForwarded reads an address as proxies write it: bare, in brackets, or with a port. A zone means something only on
// the host that wrote it (RFC 4007 section 6), so that an address with one is none.
func parseForwarded(b []byte) (netip.Addr, bool) {
	s := string(b)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), ap.Addr().Zone() == ""
	}
	if n := len(s); n > 2 && s[0] == '[' && s[n-1] == ']' {
		s = s[1 : n-1]
	}
	addr, err := netip.ParseAddr(s)
	return addr.Unmap(), err == nil && addr.Zone() == ""
}

// trusts says whether what a peer says of its clients is believed. A peer on a unix socket has no address.
func (c *Config) trusts(peer netip.Addr) bool {
	if !peer.IsValid() {
		return c.TrustUnix
	}
	for _, p := range c.TrustedProxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}
