package event

import (
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RingSize is how many sends a Ring takes at a time.
const RingSize = 64

// Ring sends to several sockets in one system call (io_uring(7)). It is for one goroutine at a time, on whatever thread, and
// nothing is under way between its calls: a send that a socket does not take at once fails with EAGAIN.
type Ring struct {
	fd      int
	failed  bool // each send is a call of its own
	n       int  // how many have been put
	memory  [2][]byte
	entries *[RingSize]submission
	tail    *uint32 // of the submissions, moved by us
	head    *uint32 // of the completions, moved by us
	ended   *uint32 // their tail, moved by the kernel
	results *[2 * RingSize]completion
	put     [RingSize]note // which also keeps the texts in memory, and where they are: the kernel's addresses are no pointers
}

// note is what has been put.
type note struct {
	fd   int32
	text []byte
}

// ringParams is struct io_uring_params.
type ringParams struct {
	sqEntries, cqEntries, flags, threadCPU, threadIdle, features, wqFD uint32
	_                                                                  [3]uint32
	sq                                                                 struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

// submission is struct io_uring_sqe, as a send has it.
type submission struct {
	op       uint8
	_        [3]uint8
	fd       int32
	_        uint64
	addr     uint64
	length   uint32
	msgFlags uint32
	place    uint64
	_        [3]uint64
}

// completion is struct io_uring_cqe.
type completion struct {
	place  uint64
	result int32
	_      uint32
}

// From linux/io_uring.h.
const (
	opSend = 26

	setupSubmitAll   = 1 << 7 // Linux 5.18: one that fails keeps none behind it from being sent
	setupCoopTaskrun = 1 << 8 // Linux 5.19
	enterGetEvents   = 1 << 0

	offsetRings       = 0
	offsetSubmissions = 0x10000000
	featureSingleMmap = 1 << 0
)

// NewRing makes a ring. It fails where the kernel has none or is told not to give it, as seccomp profiles of containers do.
func NewRing() (*Ring, error) {
	p := ringParams{flags: setupSubmitAll | setupCoopTaskrun}
	fd, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, RingSize, uintptr(unsafe.Pointer(&p)), 0)
	if e != 0 {
		return nil, os.NewSyscallError("io_uring_setup", e)
	}
	r := &Ring{fd: int(fd)}
	if p.sqEntries != RingSize || p.cqEntries != 2*RingSize || p.features&featureSingleMmap == 0 {
		r.Close()
		return nil, fmt.Errorf("io_uring_setup: %d and %d places, features %#x", p.sqEntries, p.cqEntries, p.features)
	}
	if err := r.share(&p); err != nil {
		r.Close()
		return nil, os.NewSyscallError("mmap", err)
	}
	return r, nil
}

// share maps what is shared with the kernel.
func (r *Ring) share(p *ringParams) (err error) {
	size := max(int(p.cq.cqes)+int(unsafe.Sizeof(*r.results)), int(p.sq.array)+RingSize*4)
	for i, part := range []struct {
		offset int64
		size   int
	}{{offsetRings, size}, {offsetSubmissions, int(unsafe.Sizeof(*r.entries))}} {
		r.memory[i], err = unix.Mmap(r.fd, part.offset, part.size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
		if err != nil {
			return err
		}
	}
	rings := unsafe.Pointer(&r.memory[0][0])
	r.tail, r.head = (*uint32)(unsafe.Add(rings, p.sq.tail)), (*uint32)(unsafe.Add(rings, p.cq.head))
	r.ended = (*uint32)(unsafe.Add(rings, p.cq.tail))
	r.results = (*[2 * RingSize]completion)(unsafe.Add(rings, p.cq.cqes))
	r.entries = (*[RingSize]submission)(unsafe.Pointer(&r.memory[1][0]))
	order := (*[RingSize]uint32)(unsafe.Add(rings, p.sq.array))
	for i := range order {
		order[i] = uint32(i)
	}
	return nil
}

// Put has p, which must stay as it is until then, sent to a socket by Submit. There must be room for it.
func (r *Ring) Put(fd int32, p []byte) {
	r.put[r.n] = note{fd, p}
	r.n++
}

// unsent is no outcome of a send.
const unsent = math.MinInt32

// Submit sends all that has been put, and tells how each send has ended: how much the socket has taken, or its error,
// negative, as system calls return it. One alone goes by a call of its own, and so do those of a ring that fails.
func (r *Ring) Submit(ended *[RingSize]int32) {
	put := r.put[:r.n]
	r.n = 0
	for i := range put {
		ended[i] = unsent
	}
	if len(put) > 1 && !r.failed {
		r.failed = r.submit(put, ended) != nil
	}
	for i, m := range put {
		if e := ended[i]; e == unsent || e == -int32(unix.EINTR) {
			ended[i] = send(m.fd, m.text)
		}
	}
	clear(put)
}

// submit says nothing to the runtime, since none of the sends can block. What is not told when it fails has not been sent.
func (r *Ring) submit(put []note, ended *[RingSize]int32) error {
	tail := atomic.LoadUint32(r.tail)
	for i, m := range put {
		r.entries[(tail+uint32(i))%RingSize] = submission{
			op: opSend, fd: m.fd, addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(m.text)))), length: uint32(len(m.text)),
			msgFlags: sendFlags, place: uint64(i),
		}
	}
	submit, left := len(put), len(put)
	atomic.AddUint32(r.tail, uint32(submit))
	for wait := 0; left > 0; wait = enterGetEvents {
		n, _, e := syscall.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(submit), uintptr(left*wait), uintptr(wait), 0, 0)
		if e != 0 && e != unix.EINTR {
			return os.NewSyscallError("io_uring_enter", e)
		}
		if e == 0 {
			submit -= int(n)
		}
		head := atomic.LoadUint32(r.head)
		for ; head != atomic.LoadUint32(r.ended); head++ {
			c := &r.results[head%(2*RingSize)]
			ended[c.place] = c.result
			left--
		}
		atomic.StoreUint32(r.head, head)
	}
	return nil
}

const sendFlags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL

func send(fd int32, p []byte) int32 {
	n, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), sendFlags, 0, 0)
	if e != 0 {
		return -int32(e)
	}
	return int32(n)
}

// Failed says that the kernel has not done what it was asked for.
func (r *Ring) Failed() bool { return r.failed }

// Close gives the ring back.
func (r *Ring) Close() {
	for _, m := range r.memory {
		if m != nil {
			unix.Munmap(m)
		}
	}
	unix.Close(r.fd)
}
