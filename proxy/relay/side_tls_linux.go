package relay

import (
	"errors"
	"io"
	"net"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// socketStream is the socket of a side, as TLS over it reads and writes it.
type socketStream int32

func (fd socketStream) TryRead(p []byte) (int, error) {
	n, err := receive(int32(fd), p)
	if err != 0 {
		return 0, err
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (fd socketStream) TryWrite(p []byte) (int, error) {
	n, err := send(int32(fd), p)
	if again(err) {
		err = unix.EAGAIN
	}
	if err != 0 {
		return 0, err
	}
	return n, nil
}

// AwaitRead fails: the loop awaits.
func (socketStream) AwaitRead() error { return errors.ErrUnsupported }

// AwaitWrite fails.
func (socketStream) AwaitWrite() error { return errors.ErrUnsupported }

// receive reads what the side has, as the function of that name does.
func (s *side) receive(p []byte) (int, unix.Errno) {
	if s.tls == nil {
		return receive(s.fd, p)
	}
	return received(s.tls.TryRead(p))
}

// receiveRest reads what is pending.
func (s *side) receiveRest(p []byte) (int, unix.Errno) { return received(s.tls.TryRest(p)) }

// received is what a read of TLS looks like to those who know sockets.
func received(n int, err error) (int, unix.Errno) {
	// A TLS peer that leaves without a word, as many do, has closed all the same.
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, 0
	}
	return n, errno(err)
}

// transmit writes what the side takes, as send does.
func (s *side) transmit(p []byte) (int, unix.Errno) {
	if s.tls == nil {
		return send(s.fd, p)
	}
	n, err := s.tls.TryWrite(p)
	return n, errno(err)
}

// errno is how an error of TLS, or of the socket below it, looks to those who know sockets.
func errno(err error) unix.Errno {
	if err == nil {
		return 0
	}
	if own, ok := err.(unix.Errno); ok {
		return own
	}
	return unix.EPROTO
}

// pending says that something has been read from the socket that is still to be had from TLS: epoll does not know of it.
func (s *side) pending() bool { return s.tls != nil && s.tls.More() }

// speak has TLS, if that is what the connection is, go on over the descriptor.
func (s *side) speak(c net.Conn) {
	if layer, ok := c.(*event.TLS); ok {
		s.tls = layer
		layer.Over(socketStream(s.fd))
	}
}

// farewell says over TLS that nothing more comes, if the socket takes that at once.
func (s *side) farewell() {
	if s.tls != nil {
		s.tls.CloseWrite()
	}
}

// kept is how much of what the side has taken waits for its socket.
func (s *side) kept() int {
	if s.tls == nil {
		return 0
	}
	return s.tls.Kept()
}
