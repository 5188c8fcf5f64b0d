package relay

import (
	"net"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// loop is an event loop as tunnels use it.
type loop struct {
	*event.Loop
	relay  *Relay
	buf    []byte        // every read goes here first; belongs to the loop's goroutine
	pipe   pipe          // for those that have much to say
	post   post          // for many that have little
	over   []*loopTunnel // they are to leave once no lock is held
	behind func()        // is clear, made once
	share  share         // with the other loops
}

func newLoop(r *Relay, l *event.Loop) *loop {
	own := &loop{Loop: l, relay: r, buf: make([]byte, loopReadSize), post: newPost(l.Ring())}
	own.behind = own.clear
	return own
}

// has says that a connection is a socket on the loop, or TLS over one.
func (l *loop) has(c net.Conn) bool {
	s := socketOf(c)
	return s != nil && s.Loop() == l.Loop
}

// Close gives the loop's descriptors back, after Run has ended.
func (l *loop) Close() {
	l.pipe.close()
	l.Loop.Close()
}
