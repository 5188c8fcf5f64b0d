package proxy

import (
	"bytes"
	"net/url"
)

// target returns the request target that the backend sees: the client's, byte for byte, but for a tag on its sid.
func (x *exchange) target() []byte {
	if x.query.SID == x.decision.SID || x.query.SID == "" {
		return x.req.Target
	}
	return replaceSID(x.req.Target, x.decision.SID)
}

// replaceSID puts another sid into a target whose query names one exactly once, in plain spelling.
func replaceSID(target []byte, sid string) []byte {
	query := bytes.IndexByte(target, '?')
	at := 0
	if !bytes.HasPrefix(target[query:], []byte("?sid=")) {
		at = bytes.Index(target[query:], []byte("&sid="))
	}
	begin := query + at + len("?sid=")
	end := len(target)
	if next := bytes.IndexByte(target[begin:], '&'); next >= 0 {
		end = begin + next
	}
	out := append(make([]byte, 0, len(target)+3*len(sid)), target[:begin]...)
	return append(append(out, url.QueryEscape(sid)...), target[end:]...)
}
