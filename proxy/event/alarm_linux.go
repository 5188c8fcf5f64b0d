package event

import (
	"container/heap"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// alarms are what a loop is to call at given times. A timer of the kernel's (timerfd_create(2)) ends its wait for the earliest.
// A timer of the runtime's, in a program that sleeps otherwise, wakes three threads before anything is done.
type alarms struct {
	loop *Loop
	mu   sync.Mutex
	fd   int // 0: there was no alarm yet; -1: the loop is closed
	next alarmHeap
	set  time.Duration // when fd wakes the loop; 0: it does not
}

// alarm is one call to come.
type alarm struct {
	at    time.Duration // since began
	call  func()
	place int // in the heap; -1: not in it any more
}

// After has call called on the loop's goroutine once d has passed, unless stop is called before; it must not block. On a loop
// that does not run yet it is called when it does, and on one that has ended never.
func (l *Loop) After(d time.Duration, call func()) (stop func()) {
	a := &alarm{at: time.Since(began) + max(d, 0), call: call}
	if err := l.alarms.add(a); err != nil { // the kernel has no timer for us, for want of descriptors or memory
		t := time.AfterFunc(d, call)
		return func() { t.Stop() }
	}
	return func() { l.alarms.remove(a) }
}

func (s *alarms) add(a *alarm) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil || s.fd < 0 {
		return err
	}
	heap.Push(&s.next, a)
	s.arm()
	return nil
}

func (s *alarms) remove(a *alarm) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd > 0 && a.place >= 0 {
		heap.Remove(&s.next, a.place)
		s.arm()
	}
}

// open makes the timer, if there is none yet. The caller holds the lock.
func (s *alarms) open() (err error) {
	if s.fd != 0 {
		return nil
	}
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	token := s.loop.Enter(s)
	s.loop.WhileOpen(func() { err = s.loop.Control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN|EdgeTriggered, token) })
	if err != nil {
		s.loop.Leave(token)
		unix.Close(fd)
		return os.NewSyscallError("epoll_ctl", err)
	}
	s.fd = fd
	return nil
}

func (s *alarms) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd > 0 {
		unix.Close(s.fd)
	}
	s.fd, s.next = -1, nil
}

// arm sets the timer for the earliest alarm. The caller holds the lock.
func (s *alarms) arm() {
	var at time.Duration
	if len(s.next) > 0 {
		at = s.next[0].at
	}
	if at == s.set {
		return
	}
	s.set = at
	var spec unix.ItimerSpec // all zero disarms it
	if at != 0 {
		spec.Value = unix.NsecToTimespec(int64(max(at-time.Since(began), 1)))
	}
	unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(s.fd), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
}

// Ready implements Handler.
func (s *alarms) Ready(uint32) {
	for call := s.due(); call != nil; call = s.due() {
		call()
	}
}

// Fail implements Handler: a call has panicked. Those behind it are still to come.
func (s *alarms) Fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = 0
	s.arm()
}

// due takes out the next alarm whose time has come, or returns nil and sets the timer for the one that is next.
func (s *alarms) due() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next) > 0 && s.next[0].at <= time.Since(began) {
		return heap.Pop(&s.next).(*alarm).call
	}
	s.set = 0 // if it was set, it has gone off
	s.arm()
	return nil
}

// alarmHeap implements heap.Interface, the earliest first.
type alarmHeap []*alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at < h[j].at }

func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *alarmHeap) Push(x any) {
	a := x.(*alarm)
	a.place = len(*h)
	*h = append(*h, a)
}

func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last], *h = nil, (*h)[:last]
	a.place = -1
	return a
}
