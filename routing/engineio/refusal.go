package engineio

import (
	"bytes"
	"encoding/json"
)

// maxRefusal is the longest body, in bytes, that is taken for a refusal. None that is known has more than 400.
const maxRefusal = 4 << 10

const unknownText = "Session ID unknown"

// IsUnknownSID tells whether a backend's reply says that it does not know the session sid, which the request carried as
// this decoded value (without our tag). body is whole; upgrade means that the request was a WebSocket upgrade.
//
// It knows the words of engine.io 3 to 6, zishang, socketioxide, Python (with the sid on asyncio, without it on WSGI;
// on ASGI an upgrade gets an empty 403) and googollee. A sid in the reply must be the request's: Python says
// "Invalid session None" to a POST without one. Everything else, such as code 3 (sid known, transport wrong) or
// an empty 400 (a second poll), comes from a backend that knows the session, or cannot tell.
func IsUnknownSID(status int, body []byte, sid string, upgrade bool) bool {
	if sid == "" || len(body) > maxRefusal {
		return false
	}
	body = bytes.Trim(body, " \t\r\n")
	switch status {
	case 400:
		return saysUnknown(body, sid)
	case 403:
		return upgrade && len(body) == 0
	}
	return false
}

// saysUnknown reads the body of a 400.
func saysUnknown(body []byte, sid string) bool {
	switch {
	case len(body) == 0:
		return false
	case body[0] == '{':
		return hasCodeOne(body)
	case body[0] == '"':
		return pythonSaysUnknown(body, sid)
	}
	return string(body) == unknownText || string(body) == "invalid sid value: "+sid
}

// hasCodeOne tells whether body is a JSON object, and no more, whose code is 1: a number in JavaScript, a string in Rust.
func hasCodeOne(body []byte) bool {
	var code []byte
	length, v := readObject(body, func(m member) {
		if string(m.name) == "code" {
			code = m.value
		}
	})
	return v == Found && length == len(body) && (string(code) == `1` || string(code) == `"1"`)
}

// pythonSaysUnknown reads one of Python's refusals, each a JSON string.
func pythonSaysUnknown(body []byte, sid string) bool {
	var text string
	if json.Unmarshal(body, &text) != nil {
		return false
	}
	switch text {
	case "Invalid session", "Invalid session " + sid, "'Session is disconnected' " + sid:
		return true
	}
	return false
}
