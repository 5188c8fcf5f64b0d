package event

import "golang.org/x/sys/unix"

// post is what a loop is to write once all events that it has fetched are served: to many sockets in one system call. It belongs
// to the loop's goroutine.
type post struct {
	letters []letter
	ended   [RingSize]int32
	closed  bool // no letter is taken
	all     bool // also what is alone
}

// letter is what one socket is to be sent. The loop uses the socket until then.
type letter struct {
	to   *Socket
	text []byte
	by   Poster
}

// Post has p written to a socket, of this loop or another one, together with what others have to say, and then tells by what
// TryWrite would have returned. Until then p must stay as it is, and nobody else may write to the socket; who closes it closes it
// behind p. Post is for the loop's own goroutine. It returns false, and does nothing, if p would be alone, if there is no room for
// it, if the letters before it are being delivered, or if the kernel has no ring.
func (l *Loop) Post(s *Socket, p []byte, by Poster) bool {
	n := len(l.post.letters)
	if l.ring == nil || l.post.closed || n == RingSize || !l.Company(n) || len(p) == 0 || !s.enter() {
		return false
	}
	l.post.letters = append(l.post.letters, letter{s, p, by})
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
		l.ring.Put(int32(m.to.fd), m.text)
	}
	l.ring.Submit(&p.ended)
	p.closed = true
	for i, m := range p.letters {
		m.to.leave()
		if e := p.ended[i]; e < 0 {
			m.by.Posted(l, 0, unix.Errno(-e))
		} else {
			m.by.Posted(l, int(e), nil)
		}
	}
	p.closed = false
	clear(p.letters)
	p.letters = p.letters[:0]
}
