package engineio

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// RewriteSID appends to dst the polling reply body with the handshake's sid replaced by sid and "webtransport" taken
// out of its upgrades, which no proxy of TCP can pin. All other bytes are left as they are, also the packets behind the
// first. dst must not overlap body. body may be the beginning of a reply only, as long as ParseHandshake says Found.
//
// ok is false, and dst returned as it was, if body does not begin with a handshake in plain EIO4Text framing, the only
// one under which an application never sees the sid; or if sid is empty, longer than MaxSID or not UTF-8.
func RewriteSID(dst, body []byte, sid string) (out []byte, ok bool) {
	h, v := ParseHandshake(body)
	if v != Found || h.Framing != EIO4Text || h.JSONP {
		return dst, false
	}
	if sid == "" || len(sid) > MaxSID || !utf8.ValidString(sid) {
		return dst, false
	}
	quoted, _ := json.Marshal(sid) // a string never fails
	object := body[1:]
	out = append(dst, body[0])
	done := 0
	replace := func(m member, value []byte) {
		out = append(append(out, object[done:m.at]...), value...)
		done = m.at + len(m.value)
	}
	readObject(object, func(m member) {
		switch string(m.name) {
		case "sid":
			replace(m, quoted)
		case "upgrades":
			replace(m, withoutWebTransport(m.value))
		}
	})
	return append(out, object[done:]...), true
}

// withoutWebTransport removes "webtransport" from a JSON array. An array without it, or any other value, is returned
// as it is.
func withoutWebTransport(array json.RawMessage) []byte {
	var upgrades []json.RawMessage
	if json.Unmarshal(array, &upgrades) != nil {
		return array
	}
	var kept [][]byte
	for _, upgrade := range upgrades {
		if name, _ := (member{value: upgrade}).text(); name != "webtransport" {
			kept = append(kept, upgrade)
		}
	}
	if len(kept) == len(upgrades) {
		return array
	}
	return append(append([]byte{'['}, bytes.Join(kept, []byte{','})...), ']')
}
