package event

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// post is what a loop is to write once all events that it has fetched are served: to many sockets in one system call. It belongs
// to the loop's goroutine.
type post struct {
	letters []letter
	parts   int // of the ring's room that they take
	ended   [RingSize]int32
	closed  bool // no letter is taken
	all     bool // also what is alone
}

// letter is what one socket is to be sent. The loop uses the socket until then.
type letter struct {
	to   *Socket
	dial netip.AddrPort // where it is to be connected to before; the zero value: it is
	text []byte
	by   Poster
}

// Post has p written to a socket, of this loop or another one, together with what others have to say, and then tells by what
// TryWrite would have returned. Until then p must stay as it is, and nobody else may write to the socket; who closes it closes it
// behind p. Post is for the loop's own goroutine. It returns false, and does nothing, if p would be alone, if there is no room for
// it, if the letters before it are being delivered, or if the kernel has no ring.
func (l *Loop) Post(s *Socket, p []byte, by Poster) bool {
	return l.take(letter{to: s, text: p, by: by}, 1)
}

// PostDial is Post for a socket that has been prepared, and is connected to a TCP address before. What is told is what TryWrite
// would have returned after Connect, or why that has failed: the kernel may well have connected it when p is written.
func (l *Loop) PostDial(s *Socket, to netip.AddrPort, p []byte, by Poster) bool {
	return l.take(letter{to: s, dial: to, text: p, by: by}, 2)
}

// take takes a letter that is to be sent with the next batch, if it may be; parts is what it takes of the ring's room.
func (l *Loop) take(m letter, parts int) bool {
	p := &l.post
	if l.ring == nil || p.closed || p.parts+parts > RingSize || !l.Company(p.parts) || len(m.text) == 0 || !m.to.enter() {
		return false
	}
	p.letters = append(p.letters, m)
	p.parts += parts
	return true
}

// Company says that what is posted behind n others is not alone, or need not be: there are more events to be served.
func (l *Loop) Company(n int) bool { return n > 0 || l.More() || l.post.all }

// PostAll has the loop, which must not run yet, post also what is alone, or not: for tests.
func (l *Loop) PostAll(all bool) { l.post.all = all }

// deliver writes what has been posted. What follows from it goes as ever, so that nobody holds the loop up by saying more and more.
func (l *Loop) deliver() {
	p := &l.post
	if len(p.letters) == 0 {
		return
	}
	for i := range p.letters {
		m := &p.letters[i]
		m.to.edges.And(^Out)
		if m.dial.IsValid() {
			l.ring.PutConnect(int32(m.to.fd), m.dial)
		}
		l.ring.Put(int32(m.to.fd), m.text)
	}
	l.ring.Submit(&p.ended)
	p.closed = true
	ended := p.ended[:]
	for _, m := range p.letters {
		var err error
		if m.dial.IsValid() {
			err = m.to.connecting(m.dial, unix.Errno(-ended[0]))
			ended = ended[1:]
		}
		m.to.leave()
		n, e := Outcome(ended[0])
		ended = ended[1:]
		if e != 0 && err == nil {
			err = e
		}
		m.by.Posted(l, n, err)
	}
	p.closed = false
	clear(p.letters)
	p.letters, p.parts = p.letters[:0], 0
}
