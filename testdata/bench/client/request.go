//go:build linux

package client

import (
	"fmt"
	"strconv"
)

// Session is what a client knows of its session.
type Session struct {
	SID     string
	Backend string // that has it; "" until the first reply says so
}

// nonceDigits is how long a nonce is written, so that all requests of a kind are of one length.
const nonceDigits = 12

const browser = " HTTP/1.1\r\n" +
	"Host: bench.example\r\n" +
	"Connection: keep-alive\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
	"Accept: */*\r\n" +
	"Referer: http://bench.example/\r\n" +
	"Accept-Encoding: gzip, deflate\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\n"

const upgrading = " HTTP/1.1\r\n" +
	"Host: bench.example\r\n" +
	"Connection: Upgrade\r\n" +
	"Upgrade: websocket\r\n" +
	"Origin: http://bench.example\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
	"Accept-Encoding: gzip, deflate\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// postBody is 64 bytes long: an Engine.IO packet with a Socket.IO event. The nonce stands between the halves.
const (
	postBegin = `42["say","`
	postEnd   = `","0123456789012345678901234567890123456"]`
)

func (c *Conn) appendTarget(dst []byte, method, transport, sid string) []byte {
	dst = append(append(dst, method...), " /socket.io/?EIO=4&transport="...)
	dst = append(append(dst, transport...), "&t="...)
	dst = appendNonce(dst, c.nonce)
	if sid != "" {
		dst = append(append(dst, "&sid="...), sid...)
	}
	return dst
}

func appendNonce(dst []byte, nonce uint64) []byte {
	var room [20]byte
	digits := strconv.AppendUint(room[:0], nonce, 10)
	for range nonceDigits - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// SendPoll asks for what the session has.
func (c *Conn) SendPoll(s *Session) error {
	c.nonce++
	c.out = c.appendTarget(c.out[:0], "GET", "polling", s.SID)
	return c.send(append(append(c.out, browser...), "\r\n"...))
}

// SendWait asks for what the session will have: the stub never answers.
func (c *Conn) SendWait(s *Session) error {
	c.nonce++
	c.out = append(c.appendTarget(c.out[:0], "GET", "polling", s.SID), "&wait=1"...)
	return c.send(append(append(c.out, browser...), "\r\n"...))
}

// SendPost sends an event of 64 bytes.
func (c *Conn) SendPost(s *Session) error {
	c.nonce++
	c.out = append(c.appendTarget(c.out[:0], "POST", "polling", s.SID), browser...)
	c.out = append(c.out, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(postBegin)+nonceDigits+len(postEnd)), 10)
	c.out = append(append(c.out, "\r\n\r\n"...), postBegin...)
	c.out = append(appendNonce(c.out, c.nonce), postEnd...)
	return c.send(c.out)
}

func (c *Conn) sendUpgrade(s *Session) error {
	c.nonce++
	c.out = append(c.appendTarget(c.out[:0], "GET", "websocket", s.SID), upgrading...)
	return c.send(c.out)
}

func (c *Conn) send(p []byte) error {
	c.out = p
	if _, err := c.layer.Write(p); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return nil
}
