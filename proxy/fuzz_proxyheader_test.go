package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// FuzzProxyHeader has a trusted peer begin with any bytes, and demands:
//   - the verdict does not depend on how they come;
//   - the client is the one that the header names, as somebody else reads it, or else the peer;
//   - not a byte behind the header is lost.
func FuzzProxyHeader(f *testing.F) {
	const second = "\r\n\r\n\x00\r\nQUIT\n"
	for _, raw := range []string{
		"", "PROXY", "PROXY UNKNOWN\r\nrest", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\n", "PROXY TCP6 ::1 ::2 1 2\r\n", "PROXY TCP4 1.2.3.4\r\n",
		second + "\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02rest", second + "\x20\x00\x00\x00rest",
		second + "\x21\x21\x00\x24" + strings.Repeat("\x01", 36) + "rest", second + "\x21\x31\x00\xd8" + strings.Repeat("x", 216) + "rest", second + "\x21\x11\xff\xff",
	} {
		f.Add([]byte(raw), uint16(len(raw)/2))
	}
	f.Fuzz(func(t *testing.T, raw []byte, cut uint16) {
		at := int(cut) % (len(raw) + 1)
		client, rest, err := readHeader(raw)
		inTwo, restOfTwo, errOfTwo := readHeader(raw[:at], raw[at:])
		if (err == nil) != (errOfTwo == nil) || err == nil && (client != inTwo || !bytes.Equal(rest, restOfTwo)) {
			t.Fatalf("%q: %v, %q, %v; cut at %d: %v, %q, %v", raw, client, rest, err, at, inTwo, restOfTwo, errOfTwo)
		}
		if err != nil {
			return
		}
		n, named := headerOf(raw)
		if want := raw[n:]; !bytes.Equal(rest, want) {
			t.Errorf("behind the header of %q comes %q, want %q", raw, rest, want)
		}
		if client != named {
			t.Errorf("%q comes from %v, want %v", raw, client, named)
		}
	})
}

// readHeader has a connection read the header from parts, and returns whom it takes for its client and all bytes behind it.
func readHeader(parts ...[]byte) (client netip.Addr, rest []byte, err error) {
	feed := &fed{}
	for _, part := range parts {
		feed.parts = append(feed.parts, bytes.NewReader(part))
	}
	c := &conn{p: &Proxy{cfg: fuzzConfig}, peer: trustedPeer}
	c.nc = feed
	rest, err = c.readProxyHeader(context.Background())
	if err != nil {
		return c.peer, nil, err
	}
	more, err := io.ReadAll(feed)
	return c.peer, append(bytes.Clone(rest), more...), err
}

// headerOf reads how long a header that was accepted is, and whom it names.
func headerOf(raw []byte) (n int, client netip.Addr) {
	if raw[0] == 'P' {
		line, _, _ := bytes.Cut(raw, []byte("\r\n"))
		if words := strings.Split(string(line), " "); words[1] != "UNKNOWN" {
			return len(line) + 2, netip.MustParseAddr(words[2]).Unmap()
		}
		return len(line) + 2, trustedPeer
	}
	n = 16 + int(binary.BigEndian.Uint16(raw[14:]))
	switch {
	case raw[12] == 0x21 && raw[13] == 0x11:
		return n, netip.AddrFrom4([4]byte(raw[16:]))
	case raw[12] == 0x21 && raw[13] == 0x21:
		return n, netip.AddrFrom16([16]byte(raw[16:])).Unmap()
	}
	return n, trustedPeer
}

// fed is a connection that gives out its parts in one read each, and then ends.
type fed struct {
	net.Conn
	parts []*bytes.Reader
}

func (c *fed) Read(p []byte) (int, error) {
	for len(c.parts) > 0 && c.parts[0].Len() == 0 {
		c.parts = c.parts[1:]
	}
	if len(c.parts) == 0 {
		return 0, io.EOF
	}
	return c.parts[0].Read(p)
}

func (c *fed) SetReadDeadline(time.Time) error { return nil }
