//go:build linux

package client

import (
	"bytes"
	"fmt"
	"strconv"
)

// reply is one reply; its bytes alias the connection's.
type reply struct {
	status int
	from   []byte // what the stub says of itself
	body   []byte
}

// next returns the reply at the start of what has been read, of n bytes; n is 0 while it is incomplete.
func (c *Conn) next() (r reply, n int, err error) {
	end := bytes.Index(c.in, []byte("\r\n\r\n"))
	if end < 0 {
		return r, 0, nil
	}
	head, n := c.in[:end+2], end+4
	if len(head) < len("HTTP/1.1 200") || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return r, 0, fmt.Errorf("not a reply: %q", head)
	}
	r.status, _ = strconv.Atoi(string(head[9:12]))
	r.from = field(head, "\r\nx-from: ")
	if r.status == 101 {
		return r, n, nil
	}
	length, err := strconv.Atoi(string(field(head, "\r\ncontent-length: ")))
	if err != nil {
		return r, 0, fmt.Errorf("reply without Content-Length: %q", head)
	}
	if len(c.in) < n+length {
		return r, 0, nil
	}
	r.body = c.in[n : n+length]
	return r, n + length, nil
}

// field returns the value of the field that key begins, in lower case and with the line end before it; nil if there is
// none.
func field(head []byte, key string) []byte {
	for at := 0; ; at++ {
		next := bytes.Index(head[at:], []byte("\r\n"))
		if next < 0 || len(head) < at+next+len(key) {
			return nil
		}
		at += next
		if value := head[at+len(key):]; equalFold(head[at:at+len(key)], key) {
			value, _, _ = bytes.Cut(value, []byte("\r\n"))
			return value
		}
	}
}

// equalFold compares ASCII; key is in lower case.
func equalFold(p []byte, key string) bool {
	for i, b := range p {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != key[i] {
			return false
		}
	}
	return true
}

// ReceivePoll takes the reply to SendPoll, if it has come; ok is false as long as it has not. The error says what is
// wrong with it.
func (c *Conn) ReceivePoll(s *Session) (ok bool, err error) {
	return c.receive(s, func(r reply) bool {
		return bytes.HasPrefix(r.body, []byte(`42["tick"`)) && bytes.Contains(r.body, r.from)
	})
}

// ReceivePost takes the reply to SendPost likewise.
func (c *Conn) ReceivePost(s *Session) (ok bool, err error) {
	return c.receive(s, func(r reply) bool { return string(r.body) == "ok" })
}

// receive reads until a whole reply is there, and checks it. On a connection that must not block it may find none.
func (c *Conn) receive(s *Session, right func(reply) bool) (ok bool, err error) {
	for {
		r, n, err := c.next()
		if err != nil {
			return false, err
		}
		if n == 0 {
			if err := c.fill(); Again(err) {
				return false, nil
			} else if err != nil {
				return false, err
			}
			continue
		}
		if err := c.check(r, s); err != nil {
			return false, err
		}
		if !right(r) {
			return false, fmt.Errorf("wrong answer %d %q", r.status, r.body)
		}
		if c.consume(n); len(c.in) > 0 {
			return false, fmt.Errorf("%d bytes behind the reply: %q", len(c.in), c.in)
		}
		return true, nil
	}
}

// check says what is wrong with whom a reply is from, and learns a session's backend from the first.
func (c *Conn) check(r reply, s *Session) error {
	if r.status != 200 && r.status != 101 {
		return fmt.Errorf("status %d: %q", r.status, r.body)
	}
	backend, rest, _ := bytes.Cut(r.from, []byte(" "))
	sid, nonce, _ := bytes.Cut(rest, []byte(" "))
	if s.Backend == "" {
		s.Backend = string(backend)
	}
	if s.SID == "" {
		s.SID = string(sid)
	}
	if s.Backend == "" || string(backend) != s.Backend {
		return fmt.Errorf("misrouted: backend %q answered for %s, which is at %q", backend, s.SID, s.Backend)
	}
	var room [nonceDigits]byte
	if string(sid) != s.SID || string(nonce) != string(appendNonce(room[:0], c.nonce)) {
		return fmt.Errorf("somebody else's answer: %q, wanted sid %s and request %d", r.from, s.SID, c.nonce)
	}
	return nil
}
