package http1

// namesWebSocket tells whether one of the protocols in Upgrade is websocket. Other protocols, h2c above all, are not
// forwarded: the request is then an ordinary one (RFC 9110 section 7.8).
func (l *fieldLines) namesWebSocket() bool {
	if !l.once.has(Upgrade) {
		return false
	}
	for i := range l.fields {
		if l.fields[i].ID != Upgrade {
			continue
		}
		for rest := l.fields[i].Value; rest != nil; {
			var protocol []byte
			protocol, rest = nextOption(rest)
			if isWord(protocol, "websocket") {
				return true
			}
		}
	}
	return false
}

// checkUpgrade refuses a request for a WebSocket that is not one by RFC 6455 section 4.2.1: half an upgrade is what
// request smuggling through upgrades needs. A version other than 13 passes; its backend answers 426 and names its own.
func (r *Request) checkUpgrade(lines *fieldLines) *Error {
	switch {
	case string(r.Method) != "GET":
		return errUpgradeMethod
	case !r.Body.Done():
		return errUpgradeBody
	case lines.twice.has(Upgrade) || !isWord(lines.value(Upgrade), "websocket"):
		return errUpgradeList
	case lines.twice.has(SecWebSocketKey) || !validKey(lines.value(SecWebSocketKey)):
		return errUpgradeKey
	case lines.twice.has(SecWebSocketVersion) || !validVersion(lines.value(SecWebSocketVersion)):
		return errUpgradeVersion
	}
	return nil
}

// validKey tells whether b is base64 of 16 bytes.
func validKey(b []byte) bool {
	const digits = 22
	return len(b) == digits+2 && all(b[:digits], base64Byte) && string(b[digits:]) == "=="
}

// validVersion tells whether b is a number from 0 to 255 without leading zeros.
func validVersion(b []byte) bool {
	n, ok := number(b)
	return ok && n <= 255 && len(significant(b)) == len(b)
}
