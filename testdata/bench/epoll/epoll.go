//go:build linux

// Package epoll is an event loop on raw descriptors, for programs whose own cost must not show beside what they
// measure: one thread, level-triggered, nothing allocated per event.
package epoll

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Loop calls a handler when its descriptor is ready. It belongs to one goroutine. Create it with New.
type Loop struct {
	fd       int
	handlers []Handler // by descriptor
	events   [256]unix.EpollEvent
}

// Handler acts on a descriptor that is readable, writable or broken; which, a non-blocking read or write tells. It may
// be called when nothing has happened, if the descriptor's number was in use a moment before.
type Handler func()

// New makes a loop that holds one descriptor until Close.
func New() (*Loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &Loop{fd: fd}, nil
}

// Close gives the loop's own descriptor back; those that were added stay open.
func (l *Loop) Close() { unix.Close(l.fd) }

// Add has h called whenever fd, which must not block, is readable. Closing fd ends that.
func (l *Loop) Add(fd int, h Handler) error {
	for len(l.handlers) <= fd {
		l.handlers = append(l.handlers, nil)
	}
	l.handlers[fd] = h
	return l.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
}

// AwaitRoom has fd's handler called when fd is writable and not when it is readable, or the other way round again.
func (l *Loop) AwaitRoom(fd int, room bool) error {
	events := uint32(unix.EPOLLIN)
	if room {
		events = unix.EPOLLOUT
	}
	return l.control(unix.EPOLL_CTL_MOD, fd, events)
}

func (l *Loop) control(op, fd int, events uint32) error {
	if err := unix.EpollCtl(l.fd, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// Wait handles what is ready, waiting for at most timeout if nothing is; negative waits for ever.
//
// The system call is a raw one: the runtime does not know that the thread sleeps, so it wakes no monitor thread and
// hands nothing over, which would cost more than the events. Other goroutines need a processor (GOMAXPROCS) of their
// own meanwhile.
func (l *Loop) Wait(timeout time.Duration) error {
	var limit *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(int64(timeout))
		limit = &t
	}
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.fd), uintptr(unsafe.Pointer(&l.events)),
		uintptr(len(l.events)), uintptr(unsafe.Pointer(limit)), 0, 0)
	if e == unix.EINTR {
		return nil
	}
	if e != 0 {
		return fmt.Errorf("epoll_pwait2, which Linux 5.11 brought: %w", e)
	}
	for i := range l.events[:n] {
		l.handlers[l.events[i].Fd]()
	}
	return nil
}
