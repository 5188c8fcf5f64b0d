//go:build unix

package proxy

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// readRaw reads into the buffer's free part, taking a buffer only once there are bytes for it: what waits holds none.
// Unless wait is set it returns EAGAIN instead of waiting.
func (s *stream) readRaw(wait bool) (int, error) {
	if s.sock != nil {
		return s.readSocket(wait)
	}
	s.reading = attempt{wait: wait}
	err := s.raw.Read(s.tryRead)
	if errors.Is(err, os.ErrDeadlineExceeded) && !wait {
		return 0, unix.EAGAIN // the deadline was an earlier wait's
	}
	if err != nil {
		return 0, err
	}
	return s.reading.n, s.reading.err
}

func (s *stream) readSocket(wait bool) (int, error) {
	for {
		if s.buf == nil {
			s.buf = takeBuffer(smallBuffer)
		}
		n, err := s.sock.TryRead(s.buf[s.w:])
		if err != unix.EAGAIN {
			return n, err
		}
		s.release()
		if !wait {
			return 0, err
		}
		if err := s.sock.AwaitRead(); err != nil {
			return 0, err
		}
	}
}

func (s *stream) writeSocket(p []byte, wait bool) (int, error) {
	for {
		n, err := s.sock.TryWrite(p)
		if err != unix.EAGAIN || !wait {
			return n, err
		}
		if err := s.sock.AwaitWrite(); err != nil {
			return 0, err
		}
	}
}

func (s *stream) readOnce(fd uintptr) bool {
	if s.buf == nil {
		s.buf = takeBuffer(smallBuffer)
	}
	n, err := retryEINTR(unix.Read, int(fd), s.buf[s.w:])
	if err == unix.EAGAIN {
		s.release()
		s.reading.err = err
		return !s.reading.wait
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	s.reading.n, s.reading.err = max(n, 0), err
	return true
}

// writeRaw writes what the descriptor takes. Unless wait is set it returns EAGAIN instead of waiting.
func (s *stream) writeRaw(p []byte, wait bool) (int, error) {
	if s.sock != nil {
		return s.writeSocket(p, wait)
	}
	s.writing = attempt{p: p, wait: wait}
	err := s.raw.Write(s.tryWrite)
	s.writing.p = nil
	if errors.Is(err, os.ErrDeadlineExceeded) && !wait {
		return 0, unix.EAGAIN // the deadline was an earlier wait's
	}
	if err != nil {
		return 0, err
	}
	return s.writing.n, s.writing.err
}

func (s *stream) writeOnce(fd uintptr) bool {
	n, err := retryEINTR(unix.Write, int(fd), s.writing.p)
	s.writing.n, s.writing.err = max(n, 0), err
	return err != unix.EAGAIN || !s.writing.wait
}

func retryEINTR(call func(int, []byte) (int, error), fd int, p []byte) (int, error) {
	for {
		n, err := call(fd, p)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// quiet says that an idle connection is open and that its peer has sent nothing since: surplus bytes or a FIN after a
// complete reply must never become the next request's answer. It reads rather than peeks, because a connection that
// has anything to say is dropped.
func (s *stream) quiet() bool {
	if s.wrapped() || s.w > s.r {
		return false
	}
	_, err := s.readRaw(false)
	return err == unix.EAGAIN
}
