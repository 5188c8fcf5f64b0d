package engineio

import (
	"bytes"
	"strings"
)

const (
	contentJSON   = "application/json"
	contentText   = "text/plain; charset=UTF-8"
	contentScript = "text/javascript; charset=UTF-8"
)

// UnknownSIDReply returns content type and body of our own "I do not know that session", for a reply with status 400, in
// the words of engine.io: JSON to polls and POSTs, text to a WebSocket upgrade. JSONP gets the same bare JSON, as from
// engine.io, because the client looks at the status only. Every client answers with a new session.
func UnknownSIDReply(upgrade bool) (contentType, body string) {
	if upgrade {
		return contentText, unknownText
	}
	return contentJSON, `{"code":1,"message":"` + unknownText + `"}`
}

// ClosePacket returns content type and body of the 200 that politely ends the session of a waiting poll with query q: a close
// packet in the client's framing. Only for clients of which TakesClosePacket is true.
//
// Without EIO=4 it is revision 3, as engine.io understands it, and always as text: engine.io-client 3 takes the binary
// form for an error. Of j only the digits are repeated, for the reply is a script.
func ClosePacket(q Query) (contentType, body string) {
	closePacket := "1:1"
	if q.EIO == 4 {
		closePacket = "1"
	}
	if !q.HasJSONP {
		return contentText, closePacket
	}
	index := strings.Map(digitsOnly, q.JSONP)
	return contentScript, jsonpHead + index + `]("` + closePacket + `");`
}

// digitsOnly drops every character but digits, for strings.Map.
func digitsOnly(r rune) rune {
	if '0' <= r && r <= '9' {
		return r
	}
	return -1
}

// TakesClosePacket tells by its User-Agent whether a client that gets a close packet comes back with a new session: browsers
// and Node's polling do, Python's client never does and must be refused instead.
func TakesClosePacket(userAgent []byte) bool {
	return bytes.HasPrefix(userAgent, []byte("Mozilla/")) || string(userAgent) == "node-XMLHttpRequest"
}
