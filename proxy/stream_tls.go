package proxy

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// side is how one side of a TLS connection begins: tls.Server or tls.Client.
type side = func(net.Conn, *tls.Config) *tls.Conn

// speakTLS puts TLS over the stream and performs the handshake, for which ctx has a deadline; early has been read already.
func (s *stream) speakTLS(ctx context.Context, by side, cfg *tls.Config, early []byte) error {
	if s.sock == nil { // some net.Conn that nobody can do without waiting
		layer := by(&prefixed{Conn: s.nc, rest: early}, cfg)
		s.layer = layer
		return layer.HandshakeContext(ctx)
	}
	layer := event.NewTLS(s.nc, s.sock, early, by, cfg)
	s.layer, s.sock = layer, layer
	return layer.Handshake(ctx)
}

// whole says that no part of a TLS record lies where neither the socket nor the TLS layer shows it.
func (s *stream) whole() bool {
	layer, ok := s.layer.(*event.TLS)
	return !ok || layer.Whole()
}

// prefixed is a connection of which the first bytes have been read already.
type prefixed struct {
	net.Conn
	rest []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.rest) > 0 {
		n := copy(b, p.rest)
		p.rest = p.rest[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// CloseWrite lets the relay end one direction.
func (p *prefixed) CloseWrite() error { return closeWrite(p.Conn) }

// closeWrite sends a FIN, where the connection can.
func closeWrite(nc net.Conn) error {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nc.Close()
}
