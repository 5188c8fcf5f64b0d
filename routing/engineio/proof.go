package engineio

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// ProvesOwner tells whether a reply can only come from the backend that has the session the request named: to a GET
// (a poll) a 200 whose first packet is one a server sends within a session, to a POST a 200 "ok". body is the reply's
// beginning, at least the first bytes that came.
//
// An open packet proves nothing: the backend did not see the sid and has opened another session. Nor does a reply to any
// other method, for every backend answers a preflight. Where counters are sids (googollee) no reply proves anything.
func ProvesOwner(method string, status int, body []byte) bool {
	switch {
	case status != 200:
		return false
	case method == "POST":
		return string(body) == "ok" || string(body) == "OK" // Python shouts
	}
	return method == "GET" && beginsWithinSession(body[:min(len(body), MaxHandshake)])
}

// beginsWithinSession tells whether the first packet of a polling body is one that only a session's owner sends.
func beginsWithinSession(body []byte) bool {
	if len(body) > 0 && body[0] == jsonpHead[0] {
		text, _, v := unwrapJSONP(body)
		return v == Found && textBeginsWithinSession(text, true)
	}
	return textBeginsWithinSession(body, false)
}

func textBeginsWithinSession(body []byte, inString bool) bool {
	p, v := unwrappedPacket(body, inString)
	switch {
	case v == Found && p.withinSession():
		return true
	case v == Found && bytes.HasPrefix(p.data, []byte(openHead)):
		return false
	}
	// "412:30" is no revision 3 length but a message, "12:30", in revision 4; and "1" is a close packet that looks like
	// the beginning of a length.
	return len(body) > 0 && body[0] > 1 && separatedPacket(body).withinSession()
}

// withinSession tells whether p is a packet that a server sends to a client whose session is open.
func (p packet) withinSession() bool {
	if len(p.data) == 0 {
		return false
	}
	if p.binary {
		return p.data[0] == 4
	}
	payload := string(p.data[1:])
	switch p.data[0] {
	case '1', '6': // close, noop
		return payload == ""
	case '2', '3': // ping (revision 4), pong (revision 3)
		return payload == "" || payload == "probe"
	case '4': // message
		return true
	case 'b':
		return p.isBase64(payload)
	}
	return false
}

// isBase64 tells whether the payload of a 'b' packet is base64, of which in revision 3 the digit of the type goes ahead.
// Only a packet that is long, and so may have been cut by the body's end, may end within a group of four.
func (p packet) isBase64(payload string) bool {
	if p.framing != EIO4Text {
		var ok bool
		if payload, ok = strings.CutPrefix(payload, "4"); !ok {
			return false
		}
	}
	const long = 1000
	groups := len(payload) / 4 * 4
	if groups != len(payload) && len(payload) < long {
		return false
	}
	_, err := base64.StdEncoding.DecodeString(payload[:groups])
	return err == nil
}
