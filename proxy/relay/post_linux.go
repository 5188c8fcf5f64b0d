package relay

import (
	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// postSize is how much a side may have had at one reading for it to be posted, and paperSize what is posted at a time.
const (
	postSize  = 2 << 10
	paperSize = 16 << 10
)

// post is what a loop is to send once all tunnels that have something to say have been read: to many sockets in one system
// call. That does not only save the others: between two sends of one call no peer that has been woken gets the processor, so
// that more of them have something to say the next time. It belongs to the loop's goroutine.
type post struct {
	ring    *event.Ring // nil where the kernel gives none: everything is sent as it is read
	letters []letter
	paper   []byte // what they say
	ended   [event.RingSize]int32
}

// letter is what one side is to be sent. The loop holds the lock of its tunnel.
type letter struct {
	to   *side
	text []byte
}

func newPost(ring *event.Ring) post {
	if ring == nil {
		return post{}
	}
	return post{ring: ring, letters: make([]letter, 0, event.RingSize), paper: make([]byte, 0, paperSize)}
}

// mail posts n bytes that have been read of s, if they are few and others may have something to say too. Then that is the last
// thing that is done for an event.
func (t *loopTunnel) mail(s *side, n int) bool {
	l, o := t.loop, s.other()
	p := &l.post
	if p.ring == nil || n <= 0 || n > postSize || t.posted || o.tls != nil || o.deaf || o.shut || !l.Company(len(p.letters)) {
		return false
	}
	if len(p.letters) == cap(p.letters) || len(p.paper)+n > cap(p.paper) {
		l.deliver()
	}
	from := len(p.paper)
	p.paper = append(p.paper, l.buf[:n]...)
	p.letters = append(p.letters, letter{to: o, text: p.paper[from:]})
	t.heard[s.index()].Store(int64(l.Now()))
	t.posted = true
	l.Behind(l.behind)
	return true
}

// clear is what is done behind the events of several tunnels. The loop holds no lock then: a tunnel's Done may do anything.
func (l *loop) clear() {
	l.deliver()
	over := l.over
	l.over = nil
	for _, t := range over {
		t.leave()
	}
}

// deliver sends what has been posted, and does what is left to be done for each of the tunnels.
func (l *loop) deliver() {
	p := &l.post
	if len(p.letters) == 0 {
		return
	}
	for _, m := range p.letters {
		p.ring.Put(m.to.fd, m.text)
	}
	p.ring.Submit(&p.ended)
	for i, m := range p.letters {
		l.conclude(m, p.ended[i])
	}
	clear(p.letters)
	p.letters, p.paper = p.letters[:0], p.paper[:0]
}

// conclude ends what the loop has begun with a tunnel when it posted the letter, and gives the lock back.
func (l *loop) conclude(m letter, ended int32) {
	t := m.to.tunnel
	defer t.mu.Unlock()
	defer l.relay.rescue("a tunnel's delivery", func() {
		l.over = append(l.over, t)
		t.blame(Panicked)
		t.closed = true
		t.shutDown()
	})
	t.posted = false
	m.to.keep(m.text, m.to.wrote(outcome(ended)))
	if t.conclude() {
		l.over = append(l.over, t)
	}
}

// outcome is what send would have returned.
func outcome(ended int32) (n int, err unix.Errno) {
	if ended < 0 {
		return 0, unix.Errno(-ended)
	}
	return int(ended), 0
}
