package relay

import "golang.org/x/sys/unix"

// bulkSize is what a side must have had at one reading for its next bytes to be moved by splice(2), in which the pages
// themselves go from one socket to the other; to read and write them is to copy them twice.
const bulkSize = 16 << 10

// pipeSize is how many bytes a pipe can hold at best: each segment received takes the place of a page in it, however
// short.
const pipeSize = 1 << 20

// pipe is what splice(2) needs between two sockets. It belongs to the loop's goroutine, which opens it when it is first
// wanted and leaves it empty, so that one serves all its tunnels.
type pipe struct {
	ends [2]int
	open bool
}

// fill moves up to limit bytes of a socket into the pipe; 0 without an error is the end of the stream.
func (p *pipe) fill(from int32, limit int) (n int, err unix.Errno) {
	if !p.open {
		if unix.Pipe2(p.ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
			return 0, unix.EMFILE
		}
		p.open = true
		unix.FcntlInt(uintptr(p.ends[1]), unix.F_SETPIPE_SZ, pipeSize) // one that must stay smaller takes more calls
	}
	return splice(int(from), p.ends[1], limit)
}

// drain moves up to limit bytes out of the pipe into a socket.
func (p *pipe) drain(to int32, limit int) (n int, err unix.Errno) {
	return splice(p.ends[0], int(to), limit)
}

// read takes bytes out of the pipe, which must hold as many.
func (p *pipe) read(into []byte) error {
	for len(into) > 0 {
		n, err := unix.Read(p.ends[0], into)
		if err != nil && err != unix.EINTR {
			return err
		}
		into = into[max(n, 0):]
	}
	return nil
}

// close gives the descriptors back, and whatever is in the pipe.
func (p *pipe) close() {
	if p.open {
		unix.Close(p.ends[0])
		unix.Close(p.ends[1])
		p.open = false
	}
}

// splice never blocks: both sockets and pipe are in non-blocking mode. Like receive and send it tells the runtime nothing.
func splice(from, to, limit int) (n int, err unix.Errno) {
	r, _, e := unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(limit),
		unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// shift moves to the other side what a side with much to say has, and returns what fill does.
func (t *loopTunnel) shift(s *side) (n int, err unix.Errno) {
	p, o := &t.loop.pipe, s.other()
	n, err = p.fill(s.fd, len(t.loop.buf))
	if n == 0 {
		return 0, err
	}
	t.heard[s.index()].Store(int64(t.loop.Now()))
	left := n
	for left > 0 && !o.deaf && !o.shut {
		m, _ := p.drain(o.fd, left)
		if m == 0 {
			break
		}
		t.sent[o.index()].Add(int64(m))
		left -= m
	}
	if left == 0 {
		return n, 0
	}
	rest := t.loop.buf[:left]
	if p.read(rest) != nil { // only a kernel that loses bytes comes here
		p.close()
		return 0, unix.EIO
	}
	o.send(rest) // which finds out why the other side did not take it, and queues it
	return n, 0
}

// unspliced says that a fill failed for want of a pipe or of splice(2), not because of the socket.
func unspliced(err unix.Errno) bool {
	switch err {
	case unix.EMFILE, unix.ENOMEM, unix.EINVAL, unix.ENOSYS, unix.EPERM:
		return true
	}
	return false
}
