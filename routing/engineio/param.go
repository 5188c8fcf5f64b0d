package engineio

import "bytes"

// maxNameLen bounds the decoded names that matter here; "transport" is the longest.
const maxNameLen = 9

var (
	question  = []byte{'?'}
	semicolon = []byte{';'}
)

// Param returns the decoded value of the first parameter of target's query with that (decoded) name, and whether there is
// one. It serves affinity by a query parameter: a malformed escape is kept as text, for any stable value will do.
func Param(target []byte, name string) (string, bool) {
	_, query, _ := bytes.Cut(target, question)
	for len(query) > 0 {
		var rawName, rawValue []byte
		rawName, rawValue, query = nextParam(query)
		if decoded, _ := unescape(nil, rawName); string(decoded) == name {
			value, _ := unescape(nil, rawValue)
			return string(value), true
		}
	}
	return "", false
}

// nextParam cuts the first parameter, as received, from a query. A name without '=' has an empty value.
func nextParam(query []byte) (name, value, rest []byte) {
	if end := bytes.IndexByte(query, '&'); end >= 0 {
		query, rest = query[:end], query[end+1:]
	}
	if eq := bytes.IndexByte(query, '='); eq >= 0 {
		return query[:eq], query[eq+1:], rest
	}
	return query, nil, rest
}

// splitBySemicolon tells whether a server that separates parameters by ';' too (older Python), or one that drops
// a parameter with a ';' in it (Go), would find another sid, EIO or transport in the query than the others.
func splitBySemicolon(query []byte) bool {
	for param := range bytes.SplitSeq(query, []byte{'&'}) {
		if bytes.IndexByte(param, ';') < 0 {
			continue
		}
		for part := range bytes.SplitSeq(param, semicolon) {
			name, _, _ := nextParam(part)
			if routes(unescapeName(nil, name)) {
				return true
			}
		}
	}
	return false
}

// unescapeName is unescape for a parameter's name; names that cannot be one of ours come back undecoded.
func unescapeName(buf, raw []byte) []byte {
	if len(raw) > 3*maxNameLen {
		return raw
	}
	name, _ := unescape(buf, raw)
	return name
}

// unescape decodes the percent escapes and plus signs of one name or value. Without any, it returns raw itself; else it
// appends to buf. A malformed escape is kept as text and ok is false.
func unescape(buf, raw []byte) (text []byte, ok bool) {
	if bytes.IndexByte(raw, '%') < 0 && bytes.IndexByte(raw, '+') < 0 {
		return raw, true
	}
	ok = true
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '+':
			buf = append(buf, ' ')
		case '%':
			b, good := hexByte(raw[i+1:])
			if !good {
				buf, ok = append(buf, c), false
				continue
			}
			buf = append(buf, b)
			i += 2
		default:
			buf = append(buf, c)
		}
	}
	return buf, ok
}

// hexByte reads the two hexadecimal digits at the start of text.
func hexByte(text []byte) (b byte, ok bool) {
	if len(text) < 2 {
		return 0, false
	}
	high, low := hexDigit(text[0]), hexDigit(text[1])
	return high<<4 | low, high < 16 && low < 16
}

// hexDigit returns the value of a hexadecimal digit, or 255 for any other byte.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
