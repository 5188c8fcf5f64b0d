package event

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	slice  = 8 * time.Millisecond  // how long the loop works before others have their turn on its processor
	soon   = 20 * time.Millisecond // how long the loop keeps its processor while nothing happens; a wait that takes less is short
	lively = 8                     // so many short waits in a row make a loop that keeps it: more than the events of a health check
)

// yield gives others their turn. After 10 ms the runtime would see to it, which costs a signal and wakes another thread; so does
// the first look of its monitor at a loop that has slept for longer, and this comes before the batch.
func (l *Loop) yield() {
	if l.keeps && l.now-l.yielded >= slice {
		l.yielded = l.now
		goyield()
	}
}

// wait returns when there are events; it is the only place where the loop's goroutine sleeps.
//
// While events follow each other soon, it waits in the kernel without a word to the runtime. That saves what the runtime
// does around a call that blocks, which costs more than to relay a message; its processor is idle meanwhile, and lost to
// other goroutines, and the runtime's monitor looks at it, 60 times in the first 10 ms. So this is for soon only, and not for the
// few events of something that happens now and then. There is no timeout, since on a virtual machine a timer for each wait costs
// as much as a system call: the runtime asks for the processor by a signal, which ends the wait, when it wants to collect
// garbage and otherwise every 10 ms.
func (l *Loop) wait() (int, error) {
	for l.prompt >= lively {
		n, err := l.look(-1)
		if n > 0 || err != nil && err != unix.EINTR {
			return n, err
		}
		if l.clock()-l.now >= soon {
			l.prompt = 0
		}
	}
	began := l.clock()
	n, err := l.sleep()
	if l.prompt++; !l.keeps || l.clock()-began >= soon {
		l.prompt = 0
	}
	return n, err
}

// sleep waits without a processor. A loop that keeps none otherwise makes a system call that blocks.
func (l *Loop) sleep() (int, error) {
	if l.keeps {
		return l.parked.wait()
	}
	for {
		n, _, e := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events)), batchSize,
			^uintptr(0), 0, 0)
		if e == 0 {
			return int(n), nil
		}
		if e != unix.EINTR {
			return 0, e
		}
	}
}

// look asks epoll for events without a word to the runtime; a timeout of -1 is none.
func (l *Loop) look(timeout int) (int, error) {
	n, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events)), batchSize,
		uintptr(timeout), 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// parked is how a loop sleeps in the runtime's poller. An event after a long silence then wakes one thread. After a system call
// that blocks, the runtime's monitor wakes too, and since it lets the loop have its processor for 10 ms more, in case the call
// returns, it looks 60 times whether it has.
//
// The poller watches an epoll instance in between, which watches the loop's only while the loop sleeps: or each event that comes
// while the loop is awake would wake a thread, to find nobody who waits.
type parked struct {
	loop    *Loop
	fd      int      // of the one in between
	between *os.File // nil: the loop does not sleep so
	raw     syscall.RawConn
	look    func(uintptr) bool

	found  int // events at the latest look
	failed error
}

func (p *parked) open(l *Loop) (err error) {
	if p.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	unix.SetNonblock(p.fd, true) // for os.NewFile to have the poller watch it
	p.loop, p.look, p.between = l, p.lookOnce, os.NewFile(uintptr(p.fd), "epoll")
	if p.raw, err = p.between.SyscallConn(); err != nil {
		return err
	}
	return p.watch(unix.EPOLL_CTL_ADD, 0)
}

func (p *parked) close() {
	if p.between != nil {
		p.between.Close()
	}
}

// watch has the instance in between tell of events at the loop's, or not.
func (p *parked) watch(op int, events uint32) error {
	return epollCtl(p.fd, op, p.loop.epoll, unix.EpollEvent{Events: events})
}

func (p *parked) wait() (int, error) {
	if err := p.watch(unix.EPOLL_CTL_MOD, unix.EPOLLIN); err != nil {
		return 0, err
	}
	err := p.raw.Read(p.look)
	p.watch(unix.EPOLL_CTL_MOD, 0)
	if err != nil {
		return 0, err
	}
	return p.found, p.failed
}

// lookOnce says that there is no need to wait any more.
func (p *parked) lookOnce(uintptr) bool {
	p.found, p.failed = p.loop.look(0)
	for p.failed == unix.EINTR {
		p.found, p.failed = p.loop.look(0)
	}
	return p.found > 0 || p.failed != nil
}
