//go:build linux

package stub

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"strconv"
)

// AnySID begins the sids that every stub accepts: proxies that cannot pin by the sid in a handshake's body get their
// clients' sids made up, and may send them where they hash to.
const AnySID = "any."

// request is what a stub looks at. Its bytes alias what was parsed.
type request struct {
	sid         []byte
	nonce       []byte // of a GET its parameter t, of a POST the second element of the event in its body
	upgradeKey  []byte // of a WebSocket upgrade
	post        bool
	waits       bool // a poll that is never answered
	asksWaiting bool // not Engine.IO: how many polls wait?
}

// parse reads the request at the start of p, of which n bytes are its own; n is 0 if it is incomplete. It trusts the
// proxy, which is not tested here but timed.
func parse(p []byte) (req request, n int) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		return req, 0
	}
	head, n := p[:end+2], end+4
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	_, query, _ := bytes.Cut(line, []byte("?"))
	query, _, _ = bytes.Cut(query, []byte(" "))
	req.sid, req.nonce = param(query, "sid="), param(query, "t=")
	req.waits = param(query, "wait=") != nil
	req.asksWaiting = bytes.HasPrefix(line, []byte("GET /waiting "))
	req.upgradeKey = field(fields, "sec-websocket-key:")
	if req.post = p[0] == 'P'; !req.post {
		return req, n
	}
	length, _ := strconv.Atoi(string(field(fields, "content-length:")))
	if len(p) < n+length {
		return req, 0
	}
	if parts := bytes.SplitN(p[n:n+length], []byte(`"`), 5); len(parts) == 5 {
		req.nonce = parts[3]
	}
	return req, n + length
}

// param returns the value of a query's parameter whose name and equals sign are key; nil if it has none.
func param(query []byte, key string) []byte {
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte("&"))
		if len(pair) >= len(key) && string(pair[:len(key)]) == key {
			return pair[len(key):]
		}
	}
	return nil
}

// field returns the value of the field whose name and colon are key, in lower case; nil if there is none.
func field(fields []byte, key string) []byte {
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if len(line) >= len(key) && bytes.EqualFold(line[:len(key)], []byte(key)) {
			return bytes.TrimSpace(line[len(key):])
		}
	}
	return nil
}

const unknownBody = `{"code":1,"message":"Session ID unknown"}`

// unknownSID is how Engine.IO refuses a sid that it does not know; a health check may ask for that.
var unknownSID = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: " +
	strconv.Itoa(len(unknownBody)) + "\r\n\r\n" + unknownBody

// knows says that a sid is of a session that this backend has opened, or of one that needs no opening.
func (s *server) knows(sid []byte) bool {
	if bytes.HasPrefix(sid, []byte(AnySID)) {
		return true
	}
	rest, own := bytes.CutPrefix(sid, []byte(s.name+"."))
	number, err := strconv.Atoi(string(rest))
	return own && err == nil && number <= s.opened
}

func (s *server) appendHandshake(dst []byte, req *request) []byte {
	s.opened++
	sid := s.name + "." + strconv.Itoa(s.opened)
	body := `0{"sid":"` + sid + `","upgrades":["websocket"],"pingInterval":300000,"pingTimeout":200000,"maxPayload":1000000}`
	return s.appendOK(dst, []byte(sid), req.nonce, []byte(body))
}

// appendReply answers a poll with one message of about a hundred bytes, a POST as Engine.IO does.
func (s *server) appendReply(dst []byte, req *request) []byte {
	if req.post {
		return s.appendOK(dst, req.sid, req.nonce, []byte("ok"))
	}
	var room [256]byte
	body := append(room[:0], `42["tick",{"from":"`...)
	body = append(s.appendFrom(body, req.sid, req.nonce), `","price":"1.07453","at":"2026-01-01T00:00:00.000Z"}]`...)
	return s.appendOK(dst, req.sid, req.nonce, body)
}

func (s *server) appendOK(dst, sid, nonce, body []byte) []byte {
	dst = append(dst, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\ncache-control: no-store\r\nX-From: "...)
	dst = s.appendFrom(dst, sid, nonce)
	dst = append(append(dst, "\r\nDate: "...), s.date...)
	dst = append(dst, "\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n"...)
	return append(dst, body...)
}

// appendFrom says who answers whom: the backend's name, the sid and the request's nonce.
func (s *server) appendFrom(dst, sid, nonce []byte) []byte {
	dst = append(append(dst, s.name...), ' ')
	dst = append(append(dst, sid...), ' ')
	return append(dst, nonce...)
}

// appendUpgrade accepts a WebSocket (RFC 6455 section 4.2.2).
func (s *server) appendUpgrade(dst []byte, req *request) []byte {
	sum := sha1.Sum(append(bytes.Clone(req.upgradeKey), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-From: "...)
	dst = s.appendFrom(dst, req.sid, req.nonce)
	dst = append(dst, "\r\nSec-WebSocket-Accept: "...)
	dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	return append(dst, "\r\n\r\n"...)
}

// appendWaiting says how many polls wait.
func (s *server) appendWaiting(dst []byte) []byte {
	return s.appendOK(dst, nil, nil, strconv.AppendInt(nil, int64(s.waiting), 10))
}
