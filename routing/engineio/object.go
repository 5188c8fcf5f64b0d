package engineio

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// member is one name and value of a JSON object.
type member struct {
	name  []byte // decoded
	value []byte // as written; aliases the text
	at    int    // where value begins, counted from the object's first byte
}

// readObject reads the JSON object at the start of text and shows each of its members, also repeated ones, to visit in the
// order in which they stand. It returns the object's length; what follows the object is not looked at. NeedMore means that
// the object does not end within text.
//
// encoding/json only judges it here. Its way into structs takes "SID" for "sid" and does not tell where a value lies,
// and its tokens cost 74 allocations and 5 µs a handshake, against 2 and 1 µs.
func readObject(text []byte, visit func(member)) (length int, v Verdict) {
	length = valueLength(text)
	if length == 0 {
		return 0, NeedMore
	}
	object := text[:length]
	if object[0] != '{' || !json.Valid(object) {
		return 0, NotHandshake
	}
	at := 1
	for {
		at = skip(object, at, " \t\r\n,")
		if object[at] == '}' {
			return length, Found
		}
		name := object[at : at+valueLength(object[at:])]
		at = skip(object, at+len(name), " \t\r\n:")
		value := object[at : at+valueLength(object[at:])]
		visit(member{name: decodedName(name), value: value, at: at})
		at += len(value)
	}
}

// skip returns the index of the first byte of text from at on that is not in set.
func skip(text []byte, at int, set string) int {
	for bytes.IndexByte([]byte(set), text[at]) >= 0 {
		at++
	}
	return at
}

// valueLength returns the length of the JSON value at the start of text, or 0 when it does not end within text. It finds
// the end of any valid value; what it says of others must not matter.
func valueLength(text []byte) int {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
			if !inString && depth == 0 {
				return i + 1
			}
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
			if depth == 0 {
				return i + 1
			}
			if depth < 0 {
				return i // a number or a literal, ended by what is around it
			}
		case depth == 0 && (c == ',' || c <= ' '):
			return i
		}
	}
	return 0
}

// decodedName returns the text of a member's quoted name.
func decodedName(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	name, _ := member{value: quoted}.text()
	return []byte(name)
}

// text returns the value of a JSON string, as a copy.
func (m member) text() (s string, ok bool) {
	if m.value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(m.value, '\\') < 0 && utf8.Valid(m.value) {
		return string(m.value[1 : len(m.value)-1]), true
	}
	return s, json.Unmarshal(m.value, &s) == nil
}

// number returns the value of a JSON number.
func (m member) number() (n float64, ok bool) {
	if c := m.value[0]; c != '-' && (c < '0' || c > '9') {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(m.value), 64)
	return n, err == nil
}
