package relay

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// registration is a Watch's place on a loop.
type registration struct {
	raw   syscall.RawConn
	token event.Token
}

// watch registers a connection once and for all. Bytes are not asked for, and one event is all that can come.
func (l *loop) watch(w *Watch, raw syscall.RawConn) error {
	w.by.where = registration{raw: raw, token: l.Enter(w)}
	err := l.onSocket(raw, func(fd int) error {
		if err := l.Control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLRDHUP|unix.EPOLLONESHOT, w.by.where.token); err != nil {
			return fmt.Errorf("relay: watch: epoll_ctl: %w", err)
		}
		return nil
	})
	if err != nil {
		l.Leave(w.by.where.token)
		return err
	}
	return nil
}

func (l *loop) unwatch(w *Watch) {
	if l.Leave(w.by.where.token) {
		l.onSocket(w.by.where.raw, func(fd int) error { return l.Control(unix.EPOLL_CTL_DEL, fd, 0, 0) })
	}
}

// onSocket calls fn with the descriptor while the loop's own descriptors are open.
func (l *loop) onSocket(raw syscall.RawConn, fn func(fd int) error) error {
	err := ErrClosed
	l.WhileOpen(func() {
		if e := raw.Control(func(fd uintptr) { err = fn(int(fd)) }); e != nil {
			err = e
		}
	})
	return err
}

// Ready implements event.Handler.
func (w *Watch) Ready(uint32) { w.HungUp() }

// Fail implements event.Handler. There is nothing to end: PeerLeft is not called again.
func (w *Watch) Fail() {}
