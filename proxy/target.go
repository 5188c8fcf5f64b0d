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
	path, query, _ := bytes.Cut(target, []byte{'?'})
	out := append(append(make([]byte, 0, len(target)), path...), '?')
	for i, param := range bytes.Split(query, []byte{'&'}) {
		if i > 0 {
			out = append(out, '&')
		}
		if bytes.HasPrefix(param, []byte("sid=")) {
			param = append([]byte("sid="), url.QueryEscape(sid)...)
		}
		out = append(out, param...)
	}
	return out
}
