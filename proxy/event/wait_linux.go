package event

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// soon is within what time events follow each other soon, and the longest that a loop keeps its processor while nothing
	// happens.
	soon = 20 * time.Millisecond
	// lively is how many times in a row that must have been so for the loop to wait in the kernel: what comes now and then,
	// such as a health check, has fewer events.
	lively = 16
)

// wait returns when there are events; it is the only place where the loop's goroutine sleeps.
//
// While events follow each other soon, it waits in the kernel. If it may, it does that without a word to the runtime, which saves
// what that does around a call that blocks and costs more than to relay a message; its processor is idle meanwhile, and lost to
// other goroutines. There is no timeout, since on a virtual machine a timer for each wait costs as much as a system call: the
// runtime asks for the processor by a signal, which ends the wait, when it wants to collect garbage and otherwise every 10 ms.
//
// Otherwise it waits as goroutines do, in the runtime's poller. There each event takes more calls, but the processor is given
// back at once; while one is kept, or a call that blocks has it, the runtime's monitor looks for up to 10 ms what becomes of it,
// every 20 µs at first.
func (l *Loop) wait() (n int, err error) {
	for n == 0 && err == nil {
		if l.quick < lively {
			n, err = l.gate.wait(&l.events)
		} else {
			n, err = l.waitInKernel()
		}
		now := l.clock()
		if now-l.now >= soon {
			l.quick = 0
		} else if n > 0 {
			l.quick++
		}
		if n > 0 {
			l.now = now
		}
	}
	return n, err
}

// waitInKernel may return without events, after which the clock tells whether it is still the place to wait in.
func (l *Loop) waitInKernel() (int, error) {
	call := unix.Syscall6
	if l.keeps {
		call = syscall.RawSyscall6
	}
	n, _, e := call(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events)), batchSize, ^uintptr(0), 0, 0)
	if e == unix.EINTR {
		return 0, nil
	}
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// gate is how a loop waits in the runtime's poller: an epoll instance that the poller watches, and that watches the loop's own for
// one event at a time, so that no thread is woken for it while the loop waits elsewhere.
type gate struct {
	loop   int // the loop's epoll instance
	fd     int
	file   *os.File // has fd
	raw    syscall.RawConn
	events *[batchSize]unix.EpollEvent // where those go that are waited for
	n      int
	err    error
}

func (g *gate) open(loop int) (err error) {
	if g.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	unix.SetNonblock(g.fd, true) // or the poller would not have it
	g.loop, g.file = loop, os.NewFile(uintptr(g.fd), "epoll")
	if g.raw, err = g.file.SyscallConn(); err != nil {
		return err
	}
	return g.watch(unix.EPOLL_CTL_ADD, 0)
}

func (g *gate) close() {
	if g.file != nil {
		g.file.Close()
	}
}

// watch changes what of the loop opens the gate. What is there already does so at once.
func (g *gate) watch(op int, events uint32) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(g.fd, op, g.loop, &unix.EpollEvent{Events: events}))
}

func (g *gate) wait(events *[batchSize]unix.EpollEvent) (int, error) {
	g.events = events
	if err := g.raw.Read(g.look); err != nil {
		return 0, err
	}
	return g.n, g.err
}

// look is asked by the poller whether the wait is over. If it is not, the gate is to open at the next event, also if it has just
// been opened by one that is none any more.
func (g *gate) look(uintptr) (over bool) {
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(g.loop), uintptr(unsafe.Pointer(g.events)), batchSize, 0, 0, 0)
	if e != 0 {
		g.n, g.err = 0, e
		return e != unix.EINTR
	}
	if g.n, g.err = int(n), nil; n > 0 {
		return true
	}
	g.err = g.watch(unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLONESHOT)
	return g.err != nil
}
