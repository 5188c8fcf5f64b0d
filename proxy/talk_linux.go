package proxy

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// Talk connects to a TCP address or, with network "unix", to the Unix socket at that path, writes request and has reply called
// for all that comes back, without a goroutine, on an event loop: first with nothing, when the connection is there, then with
// each piece of the stream, which is valid only during the call, and at last with an error, io.EOF at the stream's end. With
// the error, or once reply has returned false, the connection is closed and reply is not called again. reply must not block.
//
// hangUp closes the connection from any goroutine; a call of reply may be under way. Talk has no timeout: see After.
//
// If the error of Talk is not nil, reply is never called. It is errors.ErrUnsupported if no loop runs, as on systems other than
// Linux and before the first Serve, or if the address is a name.
func (p *Proxy) Talk(network, address string, request []byte, reply func(p []byte, err error) (more bool)) (hangUp func(), err error) {
	to, ok := literal(network, address)
	l := p.loop()
	if !ok || l == nil {
		return nil, errors.ErrUnsupported
	}
	fd, err := connect(network, address, to, nil)
	if err != nil {
		return nil, err
	}
	t := &talk{request: request, reply: reply}
	if err := event.NewSocket(l, fd, &t.own, t); err != nil {
		return nil, errors.ErrUnsupported // the loop has ended meanwhile
	}
	return func() { t.own.Close() }, nil
}

// talk is a connection of Talk's. All but its socket belongs to the loop's goroutine.
type talk struct {
	own     event.Socket
	request []byte // what is still to be written
	reply   func(p []byte, err error) (more bool)
	there   bool // connected
	over    bool
	buf     [2 << 10]byte
}

// Edge implements event.Owner.
func (t *talk) Edge(_ *event.Socket, edges uint32) {
	if t.over || !t.there && edges&event.Out == 0 {
		return
	}
	if err := t.advance(); err != nil && err != unix.EAGAIN {
		t.over = true
		t.own.Close()
	}
}

// errHeard is that reply wants no more.
var errHeard = errors.New("heard enough")

// advance does what can be done at once. EAGAIN says that there will be more to do.
func (t *talk) advance() error {
	if !t.there {
		if err := t.own.Err(); err != nil {
			return t.tell(nil, err)
		}
		t.there = true
		if err := t.tell(nil, nil); err != nil {
			return err
		}
	}
	for len(t.request) > 0 {
		n, err := t.own.TryWrite(t.request)
		if err == unix.EAGAIN {
			break
		}
		if err != nil {
			return t.tell(nil, err)
		}
		t.request = t.request[n:]
	}
	for {
		n, err := t.own.TryRead(t.buf[:])
		if err == unix.EAGAIN {
			return err
		}
		if err := t.tell(t.buf[:n], err); err != nil {
			return err
		}
	}
}

// tell returns an error if the talk is over.
func (t *talk) tell(p []byte, err error) error {
	if more := t.reply(p, err); !more && err == nil {
		return errHeard
	}
	return err
}
