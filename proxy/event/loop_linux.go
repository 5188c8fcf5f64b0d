package event

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const batchSize = 256 // events per look at epoll

// Loop is one epoll instance and the goroutine that serves it. Descriptors may be registered and given up from any
// goroutine: an event that was fetched before its descriptor was given up finds no handler, even if the kernel has
// handed the number out again.
type Loop struct {
	log    *slog.Logger
	clock  func() time.Duration
	file   *os.File // the epoll instance, which the runtime polls as it polls a socket
	epoll  int      // its descriptor
	table  table
	ending atomic.Bool
	keeps  bool // it may keep its processor while it waits, since there are others

	// The rest belongs to the loop's goroutine.
	raw    syscall.RawConn
	look   func(uintptr) bool
	events [batchSize]unix.EpollEvent
	n      int           // how many events the latest look found
	err    error         // what it met instead
	calls  int           // looks since the latest batch
	asleep time.Duration // when it began to wait
	rare   bool          // the latest events were a while in coming
	now    time.Duration // the clock at the latest batch
}

// NewLoop makes a loop, which Run serves and Close gives back. log gets one line for every panic of a handler; clock is
// what Now tells.
func NewLoop(log *slog.Logger, clock func() time.Duration) (*Loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("event: epoll_create1: %w", err)
	}
	unix.SetNonblock(fd, true) // says to NewFile that the runtime may poll it
	l := &Loop{log: log, clock: clock, epoll: fd, file: os.NewFile(uintptr(fd), "epoll"), keeps: runtime.GOMAXPROCS(0) > 1}
	l.look = l.lookOnce
	if err = l.file.SetReadDeadline(time.Time{}); err == nil {
		l.raw, err = l.file.SyscallConn()
	}
	if err != nil {
		l.file.Close()
		return nil, fmt.Errorf("event: epoll within the runtime's poller: %w", err)
	}
	return l, nil
}

// Run serves the loop until Stop is called. The error is nil unless epoll itself failed.
func (l *Loop) Run() error {
	for !l.ending.Load() {
		if err := l.wait(); err != nil {
			return fmt.Errorf("event: epoll_wait: %w", err)
		}
		l.now = l.clock()
		for i := range l.events[:l.n] {
			ev := &l.events[i]
			if h := l.table.find(tokenOf(ev)); h != nil {
				l.serve(h, ev.Events)
			}
		}
	}
	return nil
}

// wait returns when there are events, or when the loop is to end; it is the only place where the loop's goroutine
// sleeps. It sleeps in the runtime's poller, to which an epoll instance is a descriptor like any other, and not in
// epoll_wait: a thread that blocks there has the runtime's monitor woken for each event to look after it. The way through
// the poller takes a while, so that under load a batch has more events: fewer calls, and less CPU time for each.
//
// Where events come one by one, some milliseconds after each other, there is nothing to gain by that: then it does wait in
// the kernel, without telling the runtime, and so keeps its processor meanwhile. The runtime's monitor interrupts it every
// 10 ms, as it does any goroutine, for the collector or another goroutine to have the processor.
func (l *Loop) wait() error {
	l.n, l.err, l.calls = 0, nil, 0
	err := l.raw.Read(l.look)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil // Stop was called
	}
	return errors.Join(err, l.err)
}

// Events are taken for rare if the loop had to wait for them for longer than brisk, and is not worth its processor if for
// longer than idle.
const (
	brisk = 100 * time.Microsecond
	idle  = 10 * time.Millisecond
)

// lookOnce asks epoll, without waiting or, while events are rare, waiting for them. It reports false to be called again
// when epoll has something.
func (l *Loop) lookOnce(fd uintptr) bool {
	l.calls++
	patience := uintptr(0)
	if l.rare && l.calls == 1 {
		l.asleep = l.clock()
		patience = ^patience
	}
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&l.events)), batchSize, patience, 0, 0)
	if e != 0 && e != unix.EINTR {
		l.err = e
		return true
	}
	l.n = 0
	if e == 0 {
		l.n = int(n)
	}
	if l.n == 0 {
		l.asleep, l.rare = l.clock(), false
		return false
	}
	if l.calls > 1 || l.rare {
		slept := l.clock() - l.asleep
		l.rare = l.keeps && slept > brisk && slept < idle
	}
	return true
}

func (l *Loop) serve(h Handler, events uint32) {
	defer func() {
		if v := recover(); v != nil {
			l.log.Error("panic in the event loop", "panic", v, "stack", string(debug.Stack()))
			h.Fail()
		}
	}()
	h.Ready(events)
}

// Now is the clock at the loop's latest batch; to be asked by handlers only.
func (l *Loop) Now() time.Duration { return l.now }

// Stop ends Run. It is called when nothing is registered any more that matters.
func (l *Loop) Stop() {
	l.ending.Store(true)
	l.file.SetReadDeadline(time.Unix(1, 0))
}

// Close gives the epoll instance back, after Run has ended.
func (l *Loop) Close() {
	l.table.shut()
	l.file.Close()
}

// Enter gives h a token, under which Control can then register descriptors. Leave must be called for it in the end.
func (l *Loop) Enter(h Handler) Token { return l.table.add(h) }

// Leave has no event reach the token's handler any more. It reports whether the token was still there.
func (l *Loop) Leave(t Token) bool { return l.table.remove(t) }

// Control changes what epoll reports of fd (see epoll_ctl(2)), and under which token.
func (l *Loop) Control(op, fd int, events uint32, t Token) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(t), Pad: int32(t >> 32)}
	_, _, e := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(l.epoll), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// Descriptor is the epoll instance, as /proc/self/fdinfo knows it.
func (l *Loop) Descriptor() int { return l.epoll }

// WhileOpen calls fn unless the loop is closed; its descriptors stay open meanwhile.
func (l *Loop) WhileOpen(fn func()) { l.table.whileUp(fn) }

func tokenOf(ev *unix.EpollEvent) Token { return Token(uint32(ev.Pad))<<32 | Token(uint32(ev.Fd)) }
