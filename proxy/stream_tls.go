package proxy

import (
	"crypto/tls"
	"net"
	"time"
)

// records is a connection to a TLS backend that knows whether what was read of it ends with a whole record. crypto/tls
// reads ahead: bytes of a record that is not complete lie where neither the socket nor the TLS layer shows them.
type records struct {
	net.Conn
	header [5]byte // of the record under way (RFC 8446 section 5.1)
	have   int     // how much of it has come
	left   int     // of the record's body
}

func (r *records) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.follow(b[:n])
	return n, err
}

func (r *records) follow(b []byte) {
	for len(b) > 0 {
		if r.left > 0 {
			n := min(r.left, len(b))
			r.left -= n
			b = b[n:]
			continue
		}
		n := copy(r.header[r.have:], b)
		r.have += n
		b = b[n:]
		if r.have == len(r.header) {
			r.left = int(r.header[3])<<8 | int(r.header[4])
			r.have = 0
		}
	}
}

// CloseWrite lets the relay end one direction.
func (r *records) CloseWrite() error { return closeWrite(r.Conn) }

// quietTLS is quiet for a connection over TLS: nothing in the TLS layer, nothing in the socket, no part of a record
// between them.
func (s *stream) quietTLS() bool {
	layer, ok := s.layer.(*tls.Conn)
	if !ok || s.w > s.r {
		return false
	}
	below, ok := layer.NetConn().(*records)
	if !ok {
		return false
	}
	var socket stream
	socket.init(below.Conn)
	defer socket.discard()
	if !socket.quiet() {
		return false
	}
	s.nc.SetReadDeadline(time.Unix(1, 0)) // so that the layer shows what it holds and waits for nothing more
	defer s.nc.SetReadDeadline(time.Time{})
	_, err := layer.Read(make([]byte, 1))
	return isTimeout(err) && below.have == 0 && below.left == 0
}

// closeWrite sends a FIN, where the connection can.
func closeWrite(nc net.Conn) error {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nc.Close()
}
