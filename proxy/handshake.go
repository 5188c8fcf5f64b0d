package proxy

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// learn holds back the first bytes of a reply that may open a session until they show the sid, and returns them: the
// client's next requests come on other connections within a millisecond, so that the pin must be there before the sid is.
// What is not understood within 64 KiB passes on unlearned.
func (x *exchange) learn(out *outlet) (held []byte, err error) {
	if !x.teaches() {
		return nil, nil
	}
	held, h, err := x.holdHandshake()
	if err != nil {
		return nil, err
	}
	rest := x.up.res.Body.Length - int64(len(held))
	if h.SID != "" {
		x.decision.Hold.Learn(h.SID, h.PingInterval+h.PingTimeout)
		held = x.retag(held, h)
	}
	if x.retags() && x.up.res.Body.Framing == http1.Length {
		out.buf = http1.AppendLength(out.buf, int64(len(held))+rest)
	}
	return held, nil
}

// holdWhatIsThere waits for more of the reply's body and adds it to held, with all that has come by then.
func (x *exchange) holdWhatIsThere(held []byte) ([]byte, error) {
	data, err := x.nextReplyPart(nil)
	for err == nil && len(data) > 0 {
		held = append(held, data...)
		if len(held) >= engineio.MaxHandshake {
			break
		}
		data, err = x.up.nextBuffered()
	}
	return held, err
}

// maxLooks is how often a reply that arrives in pieces is looked at, each time from its beginning.
const maxLooks = 512

// holdBack reads up to about limit bytes of the reply's body, or all of it if that is less, and returns them.
func (x *exchange) holdBack(limit int) (held []byte, err error) {
	for len(held) < limit && !x.up.res.Body.Done() {
		data, err := x.nextReplyPart(nil)
		if err != nil {
			return nil, err
		}
		if len(data) == 0 {
			break
		}
		held = append(held, data...)
	}
	return held, nil
}

// teaches says that the reply may open a session whose sid stands in its body.
func (x *exchange) teaches() bool {
	return x.opens && !x.upgrade && x.up.res.Status == http.StatusOK
}

// holdHandshake reads the reply's body until its first packet is decided, and returns what it has read.
func (x *exchange) holdHandshake() (held []byte, h engineio.Handshake, err error) {
	encoding := x.up.res.Value(http1.ContentEncoding) // aliases the head, whose bytes have been consumed
	decode := decoderOf(encoding)
	for range maxLooks {
		if held, err = x.holdWhatIsThere(held); err != nil {
			return nil, h, err
		}
		h, verdict := engineio.ParseHandshake(decode(held))
		if verdict == engineio.Found {
			return held, h, nil
		}
		if verdict == engineio.NotHandshake || x.up.res.Body.Done() || len(held) >= engineio.MaxHandshake {
			break
		}
	}
	x.c.p.stats.notUnderstood.Add(1)
	return held, h, nil
}

// retags says that a handshake's sid leaves with a tag: for EIO=4 only, because older clients show theirs to the
// application as socket.id.
func (x *exchange) retags() bool { return x.c.p.cfg.SIDTag && x.query.EIO == 4 && x.teaches() }

// retag puts the backend's tag on the sid in the held bytes.
func (x *exchange) retag(held []byte, h engineio.Handshake) []byte {
	if !x.retags() {
		return held
	}
	tagged, ok := engineio.RewriteSID(nil, held, routing.TagSID(h.SID, x.decision.Backend.Token()))
	if !ok {
		return held
	}
	return tagged
}

// setsCookie says that this reply opens a session and that the client does not carry its backend's cookie yet.
func (x *exchange) setsCookie() bool {
	res := &x.up.res
	return x.c.p.cfg.Cookie.Name != "" && x.opens &&
		(res.Status == http.StatusOK || res.Status == http.StatusSwitchingProtocols) &&
		x.cookie != x.decision.Backend.Token()
}

// decoderOf returns what shows the beginning of a body in plain text. Accept-Encoding is not passed on with handshakes,
// so that it is nearly always the body itself.
func decoderOf(encoding []byte) func([]byte) []byte {
	switch {
	case bytes.EqualFold(encoding, []byte("gzip")):
		return func(b []byte) []byte { return inflate(gzip.NewReader(bytes.NewReader(b))) }
	case bytes.EqualFold(encoding, []byte("deflate")):
		return func(b []byte) []byte { return inflate(zlib.NewReader(bytes.NewReader(b))) }
	}
	return func(b []byte) []byte { return b }
}

// inflate returns what can be read of a compressed body that may have been cut.
func inflate[R io.ReadCloser](r R, err error) []byte {
	if err != nil {
		return nil
	}
	plain, _ := io.ReadAll(io.LimitReader(r, engineio.MaxHandshake))
	return plain
}
