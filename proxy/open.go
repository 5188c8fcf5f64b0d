package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// open reads what precedes the first request: the PROXY header of a trusted proxy, then the TLS handshake.
func (c *conn) open() error {
	patience := c.p.cfg.HeaderTimeout
	if c.unopened {
		patience = time.Duration(c.due.Load()) - c.p.now()
		c.unopened = false
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var rest []byte
	if c.p.cfg.ProxyProtocol && c.p.cfg.trusts(c.peer) {
		var err error
		if rest, err = c.readProxyHeader(ctx); err != nil {
			return err
		}
	}
	if c.p.cfg.TLS == nil {
		_, c.secure = c.nc.(*tls.Conn) // from a listener of the embedder's
		c.unread(rest)
		return nil
	}
	c.secure = true
	return c.speakTLS(ctx, tls.Server, c.p.cfg.TLS, rest)
}

// readProxyHeader takes the client's address from a PROXY header, version 1 or 2, which must be there. A header of kind
// LOCAL, as health checks send it, changes nothing. It returns the bytes that came behind it.
func (c *conn) readProxyHeader(ctx context.Context) (rest []byte, err error) {
	deadline, _ := ctx.Deadline()
	c.nc.SetReadDeadline(deadline)
	defer c.nc.SetReadDeadline(time.Time{})
	r := bufio.NewReader(c.nc)
	if err := awaitVersion1(r); err != nil {
		return nil, err
	}
	header, err := proxyproto.Read(r)
	if err != nil {
		return nil, err
	}
	if !header.Command.IsLocal() {
		if addr, ok := header.SourceAddr.(*net.TCPAddr); ok {
			ip, _ := netip.AddrFromSlice(addr.IP)
			c.peer = ip.Unmap()
		}
	}
	rest, _ = r.Peek(r.Buffered())
	return rest, nil
}

// awaitVersion1 waits until a header of version 1 is there as a whole, since proxyproto.Read takes one that comes in
// pieces for broken. Version 2 says its length and needs no such help.
func awaitVersion1(r *bufio.Reader) error {
	const longest = 107 // PROXY protocol, section 2.1
	for n := 1; n <= longest; n++ {
		b, err := r.Peek(n)
		if err != nil {
			return err
		}
		if b[0] != 'P' || b[n-1] == '\n' {
			break
		}
	}
	return nil
}

// unread puts bytes that were read beside the stream back into it.
func (s *stream) unread(rest []byte) {
	if len(rest) > 0 {
		s.borrow()
		s.in.add(rest)
	}
}
