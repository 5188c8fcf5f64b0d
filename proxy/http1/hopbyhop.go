package http1

import "bytes"

// Fields that concern one connection end there (RFC 9110 section 7.6.1). Parse marks them with Hop:
//
//   - those the RFC names: Connection and what it lists, Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade;
//   - Trailer, as trailers are dropped;
//   - HTTP2-Settings, which belongs to an upgrade that is not forwarded;
//   - Proxy-Authorization, Proxy-Authenticate and Proxy-Authentication-Info, which by RFC 9110 section 11.7 concern the
//     next proxy only, and that is us: a backend has no business with credentials meant for a proxy;
//   - Content-Length in replies that may not have one (1xx and 204, RFC 9110 section 8.6).
//
// A message cannot strip what others rely on: Connection has no power over the fields in protected.
var (
	hopByHop = setOf(Connection, KeepAlive, ProxyConnection, TE, TransferEncoding, Upgrade, Trailer, HTTP2Settings,
		ProxyAuthorization, ProxyAuthenticate, ProxyAuthenticationInfo)

	protected = forwarding | setOf(ForwardedLookAlike, Host, ContentLength, Cookie,
		SecWebSocketKey, SecWebSocketVersion, SecWebSocketAccept)
)

// options is what the Connection fields of a message say.
type options struct {
	close, keepAlive, upgrade bool
}

// keepsAlive tells whether the sender's connection stays open after a message whose end is known (RFC 9112 section 9.3).
func (o options) keepsAlive(minor int) bool {
	return !o.close && (minor > 0 || o.keepAlive)
}

// connection reads the Connection fields, max options at most, and marks the fields they name.
func (l *fieldLines) connection(max int) (o options, err *Error) {
	if !l.once.has(Connection) {
		return o, nil
	}
	count := 0
	for i := range l.fields {
		if l.fields[i].ID != Connection {
			continue
		}
		for rest := l.fields[i].Value; rest != nil; {
			var option []byte
			option, rest = nextOption(rest)
			if count++; count > max {
				return o, errOptions
			}
			switch {
			case isWord(option, "close"):
				o.close = true
			case isWord(option, "keep-alive"):
				o.keepAlive = true
			case isWord(option, "upgrade"):
				o.upgrade = true
			default:
				l.drop(option)
			}
		}
	}
	return o, nil
}

// nextOption splits the first element off a comma-separated list. rest is nil when there are no more.
func nextOption(list []byte) (option, rest []byte) {
	if comma := bytes.IndexByte(list, ','); comma >= 0 {
		return trimmed(list[:comma]), list[comma+1:]
	}
	return trimmed(list), nil
}

// drop marks the unprotected fields of that name, in any case of letters.
func (l *fieldLines) drop(name []byte) {
	for i := range l.fields {
		f := &l.fields[i]
		if len(f.Name) == len(name) && !protected.has(f.ID) && bytes.EqualFold(f.Name, name) {
			f.Hop = true
		}
	}
}

// KeepAliveSeconds reads the timeout parameter of a Keep-Alive field: how long a backend means to keep an idle
// connection. ok is false when the value names none.
func KeepAliveSeconds(value []byte) (seconds int, ok bool) {
	const name = "timeout="
	for rest := value; rest != nil; {
		var option []byte
		option, rest = nextOption(rest)
		if len(option) <= len(name) || !isWord(option[:len(name)], name) {
			continue
		}
		n, ok := number(option[len(name):])
		return int(min(n, 1<<31-1)), ok
	}
	return 0, false
}
