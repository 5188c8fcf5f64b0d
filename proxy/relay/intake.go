package relay

import (
	"io"
	"net"
	"syscall"
)

// smallRead is the buffer with which a connection waits that cannot wait without one.
const smallRead = 4 << 10

// intake reads from a connection without holding a large buffer while it waits: none for a plain socket, a small one
// for every other connection.
type intake struct {
	conn  net.Conn
	large *[readSize]byte // lent while bytes are in hand
	small []byte
	full  bool // the last read filled its buffer, so that more is probably there

	raw syscall.RawConn // nil for a connection that is not a plain socket
	try func(fd uintptr) bool
	n   int // what try read, and the error it met
	err error
}

func (in *intake) open(c net.Conn) {
	in.conn = c
	if in.openRaw() {
		return
	}
	in.small = make([]byte, smallRead)
}

// next waits for bytes. They are valid until release, which must be called before next is called again. The error is
// io.EOF at the end of the stream; there are no bytes then.
func (in *intake) next() ([]byte, error) {
	if in.raw != nil {
		return in.nextRaw()
	}
	if in.err != nil {
		return nil, in.err // it came with the last bytes
	}
	p := in.small
	if in.full {
		p = in.borrow()
	}
	n, err := in.conn.Read(p)
	in.full, in.err = n == len(p), err
	if n == 0 && err != nil {
		in.release()
		return nil, err
	}
	return p[:n], nil
}

// nextRaw waits in the runtime's poller and takes a buffer only once there are bytes for it.
func (in *intake) nextRaw() ([]byte, error) {
	in.n, in.err = 0, nil
	err := in.raw.Read(in.try)
	if err == nil {
		err = in.err
	}
	if err == nil && in.n == 0 {
		err = io.EOF
	}
	if err != nil {
		in.release()
		return nil, err
	}
	return in.large[:in.n], nil
}

func (in *intake) borrow() []byte {
	if in.large == nil {
		in.large = buffers.Get().(*[readSize]byte)
	}
	return in.large[:]
}

func (in *intake) release() {
	if in.large != nil {
		buffers.Put(in.large)
		in.large = nil
	}
}
