//go:build unix

package relay

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// peeker watches for the peer's leaving with a goroutine that looks at the socket's input without taking it.
type peeker struct {
	relay *Relay
	conn  net.Conn
	raw   syscall.RawConn
	done  chan struct{} // closed by the goroutine; nil while there is none
}

func newPeeker(r *Relay, c net.Conn, raw syscall.RawConn) *peeker {
	return &peeker{relay: r, conn: c, raw: raw}
}

func (p *peeker) start(hungUp func()) {
	if p.done != nil {
		return
	}
	p.conn.SetReadDeadline(time.Time{})
	done := make(chan struct{})
	p.done = done
	go func() {
		defer close(done)
		defer p.relay.rescue("a watch", nil)
		if p.raw.Read(peerLeft) == nil {
			hungUp()
		}
	}()
}

// stop waits for the goroutine, which a deadline in the past wakes.
func (p *peeker) stop() {
	if p.done == nil {
		return
	}
	p.conn.SetReadDeadline(time.Unix(1, 0))
	<-p.done
	p.done = nil
	p.conn.SetReadDeadline(time.Time{})
}

// peerLeft reports false, and so waits for more, as long as there are bytes or nothing yet.
func peerLeft(fd uintptr) bool {
	var b [1]byte
	n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n <= 0 && err != unix.EAGAIN && err != unix.EINTR
}
