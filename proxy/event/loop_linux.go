package event

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const batchSize = 256 // events per look at epoll

// EdgeTriggered is unix.EPOLLET, which is a negative number there.
const EdgeTriggered uint32 = unix.EPOLLET & (1<<32 - 1)

// Loop is one epoll instance and the goroutine that serves it. Descriptors may be registered and given up from any
// goroutine: an event that was fetched before its descriptor was given up finds no handler, even if the kernel has
// handed the number out again.
type Loop struct {
	log    *slog.Logger
	clock  func() time.Duration
	epoll  int // the epoll instance
	parked parked
	bell   int // an eventfd, which wakes it
	table  table
	alarms alarms
	ending atomic.Bool
	keeps  bool  // it may keep its processor while it waits
	ring   *Ring // nil where the kernel gives none

	// The rest belongs to the loop's goroutine.
	events  [batchSize]unix.EpollEvent
	batch   []unix.EpollEvent // those of them that are still to be served
	served  Handler           // whose turn it is
	behind  func()            // what is to be done behind those events that are done together; nil: nothing
	sampled bool              // the time that the batch takes is taken
	ran     time.Duration     // for how long the thread had run before the batch, if so
	prompt  int               // how many waits in a row were short
	now     time.Duration     // the clock at the latest batch
	yielded time.Duration     // when others had their turn
	load    load
	post    post
}

// NewLoop makes a loop, which Run serves and Close gives back. log gets one line for every panic of a handler; clock is
// what Now tells. keeps lets the loop keep one of the runtime's processors (GOMAXPROCS) to itself, also while it waits for
// events that follow each other soon.
func NewLoop(log *slog.Logger, clock func() time.Duration, keeps bool) (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("event: epoll_create1: %w", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("event: eventfd: %w", err)
	}
	l := &Loop{log: log, clock: clock, epoll: epoll, bell: bell, keeps: keeps && interruptible()}
	l.alarms.loop = l
	l.ring, _ = NewRing()
	if l.keeps {
		if err := l.parked.open(l); err != nil {
			l.Close()
			return nil, fmt.Errorf("event: %w", err)
		}
	}
	if err := l.Control(unix.EPOLL_CTL_ADD, bell, unix.EPOLLIN, l.Enter(silent{})); err != nil {
		l.Close()
		return nil, fmt.Errorf("event: epoll_ctl: %w", err)
	}
	return l, nil
}

// silent handles the bell: there is nothing to be done but to have been woken.
type silent struct{}

func (silent) Ready(uint32) {}
func (silent) Fail()        {}

// Run serves the loop until Stop is called. The error is nil unless epoll itself failed.
func (l *Loop) Run() error {
	for !l.ending.Load() {
		if err := l.serve(); err != nil {
			return fmt.Errorf("event: epoll_pwait: %w", err)
		}
	}
	return nil
}

// serve serves the loop until it is to end or a handler has panicked; what is left of the latest batch then comes first in the
// next call.
func (l *Loop) serve() error {
	defer l.recovered()
	for {
		for len(l.batch) > 0 {
			ev := &l.batch[0]
			l.batch = l.batch[1:]
			if l.served = l.table.find(tokenOf(ev)); l.part() {
				l.served = l.table.find(tokenOf(ev)) // it may have been given up by that
			}
			if l.served != nil {
				l.served.Ready(ev.Events)
			}
		}
		l.served = nil
		l.finish()
		l.deliver()
		l.rest()
		if l.ending.Load() {
			return nil
		}
		n, err := l.wait()
		if err != nil {
			return err
		}
		l.now, l.batch = l.clock(), l.events[:n]
		l.yield()
		if l.sampled = l.load.due(l.now); l.sampled {
			l.ran = threadTime()
		}
	}
}

// More says that the batch has more events than the one that is being served.
func (l *Loop) More() bool { return len(l.batch) > 0 }

// Behind has a handler that is Joint do something together for all its kind: do is called behind the last of the events that
// follow each other and are all of Joint handlers, or before the one among them that has panicked fails. do must not panic. What
// was said before is forgotten.
func (l *Loop) Behind(do func()) { l.behind = do }

// part does what the events before the present one have left to be done, unless that may wait until it is served too. It
// reports whether it did.
func (l *Loop) part() bool {
	if l.behind == nil || l.served == nil {
		return false
	}
	if _, joint := l.served.(Joint); joint {
		return false
	}
	l.finish()
	return true
}

func (l *Loop) finish() {
	if do := l.behind; do != nil {
		l.behind = nil
		do()
	}
}

// recovered fails the handler that has panicked, if one has.
func (l *Loop) recovered() {
	if l.served == nil {
		return
	}
	if v := recover(); v != nil {
		l.log.Error("panic in the event loop", "panic", v, "stack", string(debug.Stack()))
		l.finish()
		l.served.Fail()
	}
}

// rest is what is done behind each batch.
func (l *Loop) rest() {
	if l.sampled {
		l.load.note(l.now, l.clock(), threadTime()-l.ran)
	}
}

// Now is the clock at the loop's latest batch; to be asked by handlers only.
func (l *Loop) Now() time.Duration { return l.now }

// Stop ends Run. It is called when nothing is registered any more that matters.
func (l *Loop) Stop() {
	l.ending.Store(true)
	unix.Write(l.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

// Close gives the descriptors back, after Run has ended.
func (l *Loop) Close() {
	l.table.shut()
	l.alarms.close()
	unix.Close(l.bell)
	l.parked.close()
	if l.ring != nil {
		l.ring.Close()
	}
	unix.Close(l.epoll)
}

// Enter gives h a token, under which Control can then register descriptors. Leave must be called for it in the end.
func (l *Loop) Enter(h Handler) Token { return l.table.add(h) }

// Hand has events under a token that is there go to another handler.
func (l *Loop) Hand(t Token, to Handler) { l.table.hand(t, to) }

// Leave has no event reach the token's handler any more. It reports whether the token was still there.
func (l *Loop) Leave(t Token) bool { return l.table.remove(t) }

// Control changes what epoll reports of fd (see epoll_ctl(2)), and under which token.
func (l *Loop) Control(op, fd int, events uint32, t Token) error {
	return epollCtl(l.epoll, op, fd, unix.EpollEvent{Events: events, Fd: int32(t), Pad: int32(t >> 32)})
}

// WhileOpen calls fn unless the loop is closed; its descriptors stay open meanwhile.
func (l *Loop) WhileOpen(fn func()) { l.table.whileUp(fn) }

// Ring is the loop's, for its goroutine; nil where the kernel gives none.
func (l *Loop) Ring() *Ring { return l.ring }

func tokenOf(ev *unix.EpollEvent) Token { return Token(uint32(ev.Pad))<<32 | Token(uint32(ev.Fd)) }
