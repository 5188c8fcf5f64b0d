package engineio

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonpHead begins every JSONP reply; the callback's number follows.
const jsonpHead = "___eio["

// unwrapJSONP returns the content, decoded, of the string in ___eio[N]("…");, as far as body goes. whole tells that the
// string's closing quote has been seen; what follows it is not looked at. Netty writes single quotes, all others double.
func unwrapJSONP(body []byte) (text []byte, whole bool, v Verdict) {
	if len(body) < len(jsonpHead) {
		return nil, false, prefixVerdict(body, jsonpHead)
	}
	rest, ok := bytes.CutPrefix(body, []byte(jsonpHead))
	if !ok {
		return nil, false, NotHandshake
	}
	rest = bytes.TrimLeft(rest, "0123456789")
	if len(rest) < len(`]("`) {
		return nil, false, max(prefixVerdict(rest, `]("`), prefixVerdict(rest, `]('`))
	}
	quote := rest[2]
	if rest[0] != ']' || rest[1] != '(' || quote != '"' && quote != '\'' {
		return nil, false, NotHandshake
	}
	text, whole = unquote(rest[3:], quote)
	return text, whole, Found
}

// prefixVerdict tells whether body, shorter than want, may still become it.
func prefixVerdict(body []byte, want string) Verdict {
	if want[:len(body)] == string(body) {
		return NeedMore
	}
	return NotHandshake
}

// unquote decodes a JavaScript string up to its closing quote or, with whole=false, as far as it is complete. The result
// is a copy. Bytes that are not UTF-8 are kept: Python puts a bare ff there.
func unquote(src []byte, quote byte) (text []byte, whole bool) {
	text = make([]byte, 0, len(src))
	for len(src) > 0 {
		switch src[0] {
		case quote:
			return text, true
		case '\\':
			var n int
			if text, n = appendEscape(text, src); n == 0 {
				return text, false
			}
			src = src[n:]
		default:
			text = append(text, src[0])
			src = src[1:]
		}
	}
	return text, false
}

// appendEscape decodes the escape sequence at the start of src, which begins with a backslash, and returns its length: 0
// when more bytes are needed. A backslash before any other character stands for that character.
func appendEscape(dst, src []byte) ([]byte, int) {
	if len(src) < 2 {
		return dst, 0
	}
	switch c := src[1]; c {
	case 'u':
		return appendUTF16Escape(dst, src)
	case 'x':
		if len(src) < 4 {
			return dst, 0
		}
		b, ok := hexByte(src[2:])
		if !ok {
			return append(dst, c), 2
		}
		return utf8.AppendRune(dst, rune(b)), 4
	default:
		if i := bytes.IndexByte([]byte("bfnrtv0"), c); i >= 0 {
			c = "\b\f\n\r\t\v\x00"[i]
		}
		return append(dst, c), 2
	}
}

// appendUTF16Escape decodes \uXXXX, or the two of a surrogate pair. A lone surrogate becomes U+FFFD.
func appendUTF16Escape(dst, src []byte) ([]byte, int) {
	const size = len(`\u0000`)
	if len(src) < size {
		return dst, 0
	}
	r, ok := codeUnit(src)
	if !ok {
		return append(dst, 'u'), 2
	}
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(dst, r), size
	}
	rest := src[size:]
	if len(rest) == 0 || len(rest) < size && rest[0] == '\\' {
		return dst, 0
	}
	if low, ok := codeUnit(rest); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return utf8.AppendRune(dst, pair), 2 * size
		}
	}
	return utf8.AppendRune(dst, utf8.RuneError), size
}

// codeUnit reads \uXXXX at the start of src.
func codeUnit(src []byte) (r rune, ok bool) {
	if len(src) < len(`\u0000`) || src[0] != '\\' || src[1] != 'u' {
		return 0, false
	}
	high, ok1 := hexByte(src[2:])
	low, ok2 := hexByte(src[4:])
	return rune(high)<<8 | rune(low), ok1 && ok2
}
