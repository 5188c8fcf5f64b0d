package proxy

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

// appendRequest appends the head that the backend sees: the client's, in its order and spelling, without what was
// meant for this hop only, and with what this hop has to say. Nothing else is invented.
func (x *exchange) appendRequest(dst []byte) []byte {
	req := &x.req
	dst = http1.AppendRequestLine(dst, req.Method, x.target())
	hosted := false
	for i := range req.Fields {
		f := &req.Fields[i]
		switch {
		case f.ID == http1.Host:
			hosted = true
			dst = http1.AppendField(dst, f.Name, req.Host)
		case x.forwards(f):
			dst = http1.AppendField(dst, f.Name, f.Value)
		}
	}
	if !hosted { // HTTP/1.0 may leave it out, HTTP/1.1 must have it
		dst = append(append(append(dst, "Host: "...), req.Host...), "\r\n"...)
	}
	if req.Body.Framing == http1.Chunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if req.Upgrade {
		dst = append(dst, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	}
	dst = x.appendForwarding(dst)
	return append(dst, "\r\n"...)
}

// forwards says whether a client's field goes on to the backend.
func (x *exchange) forwards(f *http1.Field) bool {
	switch f.ID {
	case http1.XForwardedFor, http1.XForwardedProto, http1.XForwardedHost, http1.XRealIP:
		return false // appendForwarding says them
	case http1.Forwarded, http1.XForwardedOther:
		return x.from.trusted
	case http1.ForwardedLookAlike, http1.Expect: // the expectation is met here
		return false
	case http1.AcceptEncoding:
		return x.upgrade || !x.opens && !x.seeking // a reply that must be understood here
	}
	return !f.Hop
}

// appendForwarding says whom the request comes from. A trusted proxy's account is continued, anybody else's replaced.
func (x *exchange) appendForwarding(dst []byte) []byte {
	dst = x.appendChain(dst)
	dst = append(dst, "X-Forwarded-Proto: "...)
	dst = append(dst, x.proto()...)
	dst = append(dst, "\r\nX-Forwarded-Host: "...)
	if x.from.host != nil {
		dst = append(dst, x.from.host...)
	} else {
		dst = append(dst, x.req.Host...)
	}
	dst = append(dst, "\r\n"...)
	if !x.from.client.IsValid() {
		return dst
	}
	dst = x.from.client.AppendTo(append(dst, "X-Real-IP: "...))
	return append(dst, "\r\n"...)
}

// appendChain appends the addresses that the request has come through. A peer on a unix socket has none.
func (x *exchange) appendChain(dst []byte) []byte {
	chain, peer := x.from.chain, x.c.peer
	if len(chain) == 0 && !peer.IsValid() {
		return dst
	}
	dst = append(append(dst, "X-Forwarded-For: "...), chain...)
	if len(chain) > 0 && peer.IsValid() {
		dst = append(dst, ", "...)
	}
	return append(peer.AppendTo(dst), "\r\n"...)
}

func (x *exchange) proto() []byte {
	switch {
	case x.from.proto != nil:
		return x.from.proto
	case x.c.secure:
		return []byte("https")
	}
	return []byte("http")
}

// appendReply appends the head that the client sees: the backend's, without what was meant for this hop, with this
// hop's own framing and, on a handshake, its cookie.
func (x *exchange) appendReply(dst []byte) []byte {
	res := &x.up.res
	dst = http1.AppendStatusLine(dst, res.Status, res.Reason)
	for i := range res.Fields {
		f := &res.Fields[i]
		if f.Hop || f.ID == http1.ContentLength && x.retags() {
			continue
		}
		dst = http1.AppendField(dst, f.Name, f.Value)
	}
	if x.setsCookie() {
		dst = x.c.p.cfg.Cookie.append(dst, x.decision.Backend.Token())
	}
	if res.Upgrade {
		dst = append(dst, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	}
	return dst
}

// appendConnection says whether the client's connection goes on, where that is not what its version takes for granted.
func (x *exchange) appendConnection(dst []byte) []byte {
	switch {
	case x.closing:
		return append(dst, "Connection: close\r\n"...)
	case x.old:
		return append(dst, "Connection: keep-alive\r\n"...)
	}
	return dst
}

// append appends the affinity cookie as a Set-Cookie field.
func (k *Cookie) append(dst []byte, token string) []byte {
	dst = append(dst, "Set-Cookie: "...)
	dst = append(append(dst, k.Name...), '=')
	dst = append(append(dst, token...), "; Path=/; HttpOnly"...)
	switch k.SameSite {
	case http.SameSiteNoneMode:
		dst = append(dst, "; SameSite=None"...)
	case http.SameSiteStrictMode:
		dst = append(dst, "; SameSite=Strict"...)
	default:
		dst = append(dst, "; SameSite=Lax"...)
	}
	if k.Secure {
		dst = append(dst, "; Secure"...)
	}
	if k.Partitioned {
		dst = append(dst, "; Partitioned"...)
	}
	if k.MaxAge > 0 {
		dst = strconv.AppendInt(append(dst, "; Max-Age="...), int64(k.MaxAge/time.Second), 10)
	}
	return append(dst, "\r\n"...)
}

// cookieValue returns the first value of a cookie in a Cookie field (RFC 6265 section 4.2.1), nil if it is not there.
func cookieValue(field []byte, name string) []byte {
	for len(field) > 0 {
		var pair []byte
		pair, field, _ = bytes.Cut(field, []byte{';'})
		key, value, found := bytes.Cut(bytes.TrimSpace(pair), []byte{'='})
		if found && string(key) == name {
			return value
		}
	}
	return nil
}
