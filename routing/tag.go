package routing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// A token names a backend to the outside without giving its address away: as the affinity cookie's value and as a sid's
// tag. It is 48 bits of HMAC-SHA256(secret, backend ID) in base64url, so that every replica with the same secret makes
// the same token, and nobody without it can make one. With an empty secret tokens can be guessed.
const (
	tokenBytes = 6
	tokenLen   = tokenBytes * 8 / 6
	tagMark    = '~' // outside base64url, and safe in a query without escaping (RFC 3986 section 2.3)
)

// identity derives from a backend's ID what must be the same on every replica: its token, and the seed of its
// rendezvous scores.
func identity(secret []byte, id string) (token string, seed uint64) {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id))
	sum := mac.Sum(nil)
	return base64.RawURLEncoding.EncodeToString(sum[:tokenBytes]), binary.BigEndian.Uint64(sum[8:])
}

// TagSID returns the sid that a client gets to see in place of sid, so that its every later request names the backend
// with that token by itself. Route takes the tag off again if Config.SIDTag is on.
func TagSID(sid, token string) string { return sid + string(tagMark) + token }

// cutTag splits a sid that has a tag's form. Whether the token is anybody's is for the caller to find out.
func cutTag(tagged string) (sid, token string, ok bool) {
	at := len(tagged) - tokenLen - 1
	if at < 1 || tagged[at] != tagMark {
		return tagged, "", false
	}
	return tagged[:at], tagged[at+1:], true
}
