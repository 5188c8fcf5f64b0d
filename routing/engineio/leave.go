package engineio

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// EndsSession tells whether a client's POST ends with a close packet, by which it takes leave: nothing of the session
// will follow. body is the whole request body, revision what the request calls EIO. Of revision 3 only text is understood,
// not its binary framing nor the form encoding of JSONP.
func EndsSession(body []byte, revision int) bool {
	if revision >= 4 {
		return string(body) == "1" || bytes.HasSuffix(body, []byte("\x1e1"))
	}
	for len(body) > 0 {
		digits, rest, found := bytes.Cut(body, []byte{':'})
		n, err := strconv.Atoi(string(digits))
		if !found || err != nil || n < 1 {
			return false
		}
		end, whole := charactersEnd(rest, n)
		if !whole || end == len(rest) {
			return whole && string(rest) == "1"
		}
		body = rest[end:]
	}
	return false
}

// charactersEnd returns where the first n characters of text end, as JavaScript counts them: those beyond the basic
// plane as two. whole says that there are so many.
func charactersEnd(text []byte, n int) (at int, whole bool) {
	for n > 0 && at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		at += size
		n--
		if r > 0xffff {
			n--
		}
	}
	return at, n <= 0
}
