package http1

import (
	"bytes"
	"net/netip"
)

// maxHostBytes is the longest DNS name with a port.
const maxHostBytes = 255 + len(":65535")

// validHost tells whether h is a host with an optional port (RFC 9110 section 7.2): a name of letters, digits and
// "-._~", an IPv4 address, or an IPv6 address in brackets. RFC 3986 would allow percent-encoding and sub-delims in a name; no
// DNS name has them, and ',' or '=' would mean something else in X-Forwarded-Host and Forwarded. Userinfo and
// IPv6 zones are refused with them.
func validHost(h []byte) bool {
	if len(h) == 0 || len(h) > maxHostBytes {
		return false
	}
	if h[0] == '[' {
		end := bytes.IndexByte(h, ']')
		return end > 0 && validIPv6(h[1:end]) && validPort(h[end+1:])
	}
	end := 0
	for end < len(h) && classes[h[end]]&hostByte != 0 {
		end++
	}
	return end > 0 && validPort(h[end:])
}

// validIPv6 costs one small allocation: netip wants a string. Literals are rare.
func validIPv6(b []byte) bool {
	addr, err := netip.ParseAddr(string(b))
	return err == nil && addr.Is6() && addr.Zone() == ""
}

// validPort accepts "", ":" (RFC 3986 section 3.2.3 allows it) and ":" with a number up to 65535.
func validPort(b []byte) bool {
	if len(b) <= 1 {
		return len(b) == 0 || b[0] == ':'
	}
	n, ok := number(b[1:])
	return b[0] == ':' && ok && n <= 65535
}
