//go:build linux

// Package stub is a backend that speaks just enough Engine.IO to be proxied, on one thread that costs little. Every
// reply says which backend it is from, which session it is for and which request it answers, so that a client can tell
// a wrong one.
package stub

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/testdata/bench/epoll"
)

const readSize = 128 << 10

// server is the backend; everything runs in the goroutine that calls Serve.
type server struct {
	name    string
	date    string // of all replies: a Date field costs what it costs in Node, formatting one is not of interest here
	loop    *epoll.Loop
	ear     int
	opened  int // sessions so far
	waiting int // polls that are not answered
	buf     []byte
	out     []byte
}

// Serve answers as the backend called name until the process ends. It calls listening with its port once.
func Serve(name string, listening func(port int)) error {
	loop, err := epoll.New()
	if err != nil {
		return err
	}
	ear, port, err := listen()
	if err != nil {
		return err
	}
	s := &server{
		name: name,
		date: time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"),
		loop: loop,
		ear:  ear,
		buf:  make([]byte, readSize),
	}
	if err := loop.Add(ear, s.accept); err != nil {
		return err
	}
	listening(port)
	for {
		if err := loop.Wait(-1); err != nil {
			return err
		}
	}
}

func listen() (fd, port int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		return 0, 0, fmt.Errorf("listen: %w", err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		return 0, 0, fmt.Errorf("getsockname: %w", err)
	}
	return fd, at.(*unix.SockaddrInet4).Port, nil
}

func (s *server) accept() {
	for {
		fd, _, err := unix.Accept4(s.ear, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return // there is none any more, or the loop calls again
		}
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		c := &conn{s: s, fd: fd}
		if s.loop.Add(fd, c.ready) != nil {
			unix.Close(fd)
		}
	}
}
