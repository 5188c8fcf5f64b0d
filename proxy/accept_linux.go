package proxy

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// acceptedSocket is a socket that the runtime's poller does not know; the event loop serves it.
type acceptedSocket struct {
	fd   int
	peer netip.Addr
}

// acceptor accepts on the event loop what comes to one listener.
type acceptor struct {
	p       *Proxy
	ln      net.Listener
	raw     syscall.RawConn
	loop    *event.Loop
	token   event.Token
	trouble chan error // why accepting has paused

	mu    sync.Mutex // held while accepting
	ended bool       // accept no more
}

// newAcceptor makes an acceptor, if ln is a listener whose connections a loop can carry and there is a loop.
func (p *Proxy) newAcceptor(ln net.Listener) *acceptor {
	switch ln.(type) {
	case *net.TCPListener, *net.UnixListener, *unpolled:
	default:
		return nil
	}
	raw, err := ln.(syscall.Conn).SyscallConn()
	if err != nil || len(p.relay.Loops()) == 0 {
		return nil
	}
	return &acceptor{p: p, ln: ln, raw: raw, loop: p.pickLoop(), trouble: make(chan error, 1)}
}

// serve accepts until Shutdown, and then returns ErrShutdown, or until somebody has closed the listener, which it sees
// after some seconds.
func (a *acceptor) serve() error {
	if err := a.begin(); err != nil {
		return err
	}
	defer a.settle()
	look := time.NewTicker(sweepIdle)
	defer look.Stop()
	var pause time.Duration
	for {
		select {
		case <-a.p.closing:
			return ErrShutdown
		case err := <-a.trouble:
			pause = a.p.pauseAccept(pause, err)
			a.acceptAll()
		case <-look.C:
			if len(a.trouble) == 0 {
				pause = 0
			}
			if err := a.raw.Control(func(uintptr) {}); err != nil && !a.p.draining.Load() {
				return acceptFailed(a.ln, err)
			}
		}
	}
}

// begin has the loop accept. Interest is edge-triggered: should a process to which the listener was handed on keep it
// open, a registration that could not be undone is still no busy loop.
func (a *acceptor) begin() error {
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	if a.p.draining.Load() {
		return ErrShutdown
	}
	a.p.listeners[a.ln] = a
	a.token = a.loop.Enter(a)
	a.raw.Control(func(fd uintptr) { inherited(int(fd)) })
	if err := a.register(unix.EPOLL_CTL_ADD); err != nil {
		a.loop.Leave(a.token)
		return acceptFailed(a.ln, err)
	}
	return nil
}

// end has the loop accept no more; a nil acceptor has none.
func (a *acceptor) end() {
	if a != nil && a.loop.Leave(a.token) {
		a.register(unix.EPOLL_CTL_DEL)
	}
}

// settle is end, and waits until nothing is being accepted.
func (a *acceptor) settle() {
	a.end()
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
}

// Ready implements event.Handler.
func (a *acceptor) Ready(uint32) { a.acceptAll() }

// Fail implements event.Handler: accepting goes on with the next connection.
func (a *acceptor) Fail() {}

// acceptedOnLoop is how many connections are accepted in a row, so that a crowd at the door does not keep those waiting
// that are in.
const acceptedOnLoop = 64

// acceptAll accepts until nobody waits any more, or has the loop call again.
func (a *acceptor) acceptAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	var s acceptedSocket
	var err error
	accept := func(fd uintptr) { s, err = acceptOnce(int(fd)) }
	for range acceptedOnLoop {
		switch {
		case a.ended || a.raw.Control(accept) != nil || errors.Is(err, unix.EAGAIN):
			return
		case err != nil:
			select {
			case a.trouble <- err:
			default:
			}
			return
		}
		a.p.admitConn(s)
	}
	a.register(unix.EPOLL_CTL_MOD)
}

// register tells epoll what to report of the listener: connections that wait already, too, as soon as it looks.
func (a *acceptor) register(op int) error {
	err := error(net.ErrClosed)
	a.loop.WhileOpen(func() {
		a.raw.Control(func(fd uintptr) {
			err = a.loop.Control(op, int(fd), unix.EPOLLIN|event.EdgeTriggered, a.token)
		})
	})
	return err
}

// inherited sets the options that accepted sockets take over from their listener (tcp(7)): that small writes are not held
// back, and that peers that vanish without a word are found in the end.
func inherited(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // which fails for a Unix socket, as do the others
	event.KeepAlive(fd, keepAlive)
}

func acceptOnce(ln int) (acceptedSocket, error) {
	for {
		fd, peer, err := event.Accept(ln)
		switch err {
		case nil:
			return acceptedSocket{fd, peer.Addr()}, nil
		case unix.EINTR, unix.ECONNABORTED: // that one has left before it was accepted
		default:
			return acceptedSocket{}, os.NewSyscallError("accept4", err)
		}
	}
}

func (s acceptedSocket) newConn(p *Proxy) *conn {
	c := &conn{p: p, peer: s.peer}
	c.init(&c.own)
	c.watch.ToldBy(c)
	c.scheduled.Store(never)
	return c
}

// begin gives the socket to the loop.
func (s acceptedSocket) begin(c *conn) {
	if err := event.NewSocket(c.p.pickLoop(), s.fd, &c.own, c); err != nil {
		c.p.log.Error("client connection not watched", "err", err)
		c.end()
		return
	}
	c.unopened = c.p.cfg.TLS != nil
	switch {
	case !c.unopened && !c.p.direct():
		go c.serve()
	case c.rest():
		go c.tend(nil, nil, nil)
	}
}

func (p *Proxy) pickLoop() *event.Loop { return pickLoop(p.relay.Loops(), nil) }

// pickLoop returns the loop of near or, if that is nil, the one that event.Pick picks; a variable for the sake of tests, whose
// loops are never saturated.
var pickLoop = func(loops []*event.Loop, near *event.Socket) *event.Loop {
	if near != nil {
		return near.Loop()
	}
	return event.Pick(loops)
}

func (s acceptedSocket) conn() net.Conn {
	f := os.NewFile(uintptr(s.fd), "")
	defer f.Close()
	nc, err := net.FileConn(f)
	if err != nil {
		return nil
	}
	return nc
}
