package engineio

import (
	"bytes"
	"unicode/utf8"
)

// Framing is how the packets of a polling body are told apart.
type Framing uint8

const (
	EIO4Text   Framing = iota // revision 4: packets separated by the byte 1e
	EIO3Text                  // revision 3: "97:" before a packet of 97 characters; also what b64=1 asks for
	EIO3Binary                // revision 3: 00 (text) or 01 (binary), the length's decimal digits as bytes 0–9, ff
)

// String returns the framing's name for logs.
func (f Framing) String() string {
	switch f {
	case EIO3Text:
		return "eio3-text"
	case EIO3Binary:
		return "eio3-binary"
	}
	return "eio4-text"
}

// maxLengthDigits bounds the decimal digits of a revision 3 length; more would announce over a gigabyte.
const maxLengthDigits = 9

// separator stands between two packets in revision 4.
const separator = 0x1e

// packet is the first packet of a polling body, as far as it has been seen.
type packet struct {
	data    []byte // type and payload; aliases the body, or the decoded JSONP string
	whole   bool   // data is all of it: no byte that is still to come belongs to this packet
	binary  bool   // the payload is no text, and the type a byte 0–6 in place of a digit
	framing Framing
	jsonp   bool
}

// firstPacket finds the first packet of body. NeedMore: its header is not complete yet.
func firstPacket(body []byte) (packet, Verdict) {
	if len(body) == 0 {
		return packet{}, NeedMore
	}
	if body[0] != jsonpHead[0] {
		return unwrappedPacket(body, false)
	}
	text, whole, v := unwrapJSONP(body)
	if v != Found {
		return packet{}, v
	}
	p, v := unwrappedPacket(text, true)
	p.jsonp = true
	if whole {
		p.whole = true
		if v == NeedMore {
			return packet{}, NotHandshake
		}
	}
	return p, v
}

// unwrappedPacket finds the first packet of a body outside of JSONP, or, with inString, of the string inside.
func unwrappedPacket(body []byte, inString bool) (packet, Verdict) {
	if len(body) == 0 {
		return packet{}, NeedMore
	}
	if body[0] <= 1 {
		return binaryPacket(body, inString)
	}
	digits := 0
	for digits < len(body) && '0' <= body[digits] && body[digits] <= '9' {
		digits++
	}
	switch {
	case digits > maxLengthDigits:
		return packet{}, NotHandshake
	case digits == len(body):
		return packet{}, NeedMore
	case digits > 0 && body[digits] == ':':
		return lengthPacket(body, digits), Found
	}
	return separatedPacket(body), Found
}

// separatedPacket is the first packet in revision 4.
func separatedPacket(body []byte) packet {
	data, _, whole := bytes.Cut(body, []byte{separator})
	return packet{data: data, whole: whole, framing: EIO4Text}
}

// lengthPacket is the first packet in revision 3's text framing, behind that many digits and a colon.
func lengthPacket(body []byte, digits int) packet {
	length := 0
	for _, c := range body[:digits] {
		length = length*10 + int(c-'0')
	}
	data, whole := cutCharacters(body[digits+1:], length)
	return packet{data: data, whole: whole, framing: EIO3Text}
}

// binaryPacket is the first packet in revision 3's binary framing. Inside a JSONP string its length counts characters,
// and the ff after the length may have become the character U+00FF.
func binaryPacket(body []byte, inString bool) (packet, Verdict) {
	i, length := 1, 0
	for ; i < len(body) && body[i] <= 9; i++ {
		if i > maxLengthDigits {
			return packet{}, NotHandshake
		}
		length = length*10 + int(body[i])
	}
	rest, v := skipFF(body[i:], inString)
	if v != Found {
		return packet{}, v
	}
	p := packet{binary: body[0] == 1, framing: EIO3Binary}
	if inString {
		p.data, p.whole = cutCharacters(rest, length)
		return p, Found
	}
	p.data, p.whole = rest[:min(length, len(rest))], length <= len(rest)
	return p, Found
}

// skipFF returns what follows the byte ff, or, in a string, the character U+00FF.
func skipFF(body []byte, inString bool) (rest []byte, v Verdict) {
	switch {
	case len(body) == 0:
		return nil, NeedMore
	case body[0] == 0xff:
		return body[1:], Found
	case !inString || body[0] != 0xc3:
		return nil, NotHandshake
	case len(body) == 1:
		return nil, NeedMore
	case body[1] != 0xbf:
		return nil, NotHandshake
	}
	return body[2:], Found
}

// cutCharacters returns the first n characters of text, or all there is with whole=false. A character is what
// JavaScript counts, a UTF-16 code unit. Python counts bytes, which are never fewer, so that data may then run on into the
// next packet: an open packet's JSON tells its own end.
func cutCharacters(text []byte, n int) (data []byte, whole bool) {
	at := 0
	for n > 0 && utf8.FullRune(text[at:]) {
		r, size := utf8.DecodeRune(text[at:])
		at += size
		n--
		if r > 0xffff {
			n--
		}
	}
	return text[:at], n <= 0
}
