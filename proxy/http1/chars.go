package http1

import (
	"encoding/binary"
	"math/bits"
)

// A class is a set of roles a byte can have in a message.
type class uint8

const (
	tokenByte  class = 1 << iota // RFC 9110 section 5.6.2
	targetByte                   // visible ASCII but '#': wider than RFC 3986, as browsers send it
	hostByte                     // what a DNS name or an IPv4 address is made of
	base64Byte                   // RFC 4648 section 4, without padding
	digitByte
	underscore
)

// classes tells the roles of each byte.
var classes = func() (t [256]class) {
	mark := func(c class, bytes string) {
		for _, b := range []byte(bytes) {
			t[b] |= c
		}
	}
	const digits = "0123456789"
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark(tokenByte, digits+letters+"!#$%&'*+-.^_`|~")
	mark(hostByte, digits+letters+"-._~")
	mark(base64Byte, digits+letters+"+/")
	mark(digitByte, digits)
	mark(underscore, "_")
	for b := '!'; b <= '~'; b++ {
		t[b] |= targetByte
	}
	t['#'] &^= targetByte
	return t
}()

// folded maps a byte to the form in which names are compared: lower case, and '_' as '-', since gateways of the CGI
// family (WSGI, Rack, PHP) make one variable name of both.
var folded = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
	}
	for b := 'A'; b <= 'Z'; b++ {
		t[b] = byte(b) | 0x20
	}
	t['_'] = '-'
	return t
}()

// all tells whether b has at least one byte and only bytes of class c.
func all(b []byte, c class) bool {
	for _, x := range b {
		if classes[x]&c == 0 {
			return false
		}
	}
	return len(b) > 0
}

// control returns the index of the first control byte of b, from i on, or len(b). HTAB does not count: it is white
// space inside a line. It looks at eight bytes at a time, which is a quarter of the cost of one by one.
func control(b []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		// Below 0x80, subtracting 0x20 sets the top bit of what is below it, adding 1 that of DEL. A carry from the
		// byte before may set one too many, hence the second look.
		w := binary.LittleEndian.Uint64(b[i:])
		for hits := ((w - ones*' ') | (w + ones)) &^ w & tops; hits != 0; hits &= hits - 1 {
			at := i + bits.TrailingZeros64(hits)/8
			if isControl(b[at]) {
				return at
			}
		}
	}
	for ; i < len(b); i++ {
		if isControl(b[i]) {
			return i
		}
	}
	return len(b)
}

func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

// trimmed returns b without the spaces and tabs around it (OWS, RFC 9110 section 5.6.3).
func trimmed(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// isWord tells whether b is word, which is in lower case and without '_', in any case of letters.
func isWord(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, x := range b {
		if folded[x] != word[i] || x == '_' {
			return false
		}
	}
	return true
}

// number reads 1*DIGIT that fits into an int64.
func number(b []byte) (n int64, ok bool) {
	const most = 1<<63 - 1
	for _, x := range b {
		d := int64(x - '0')
		if classes[x]&digitByte == 0 || n > (most-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(b) > 0
}
