package http1

// FieldID names a field that somebody here acts on, so that nobody compares names twice.
type FieldID uint8

// The known fields. Unknown is every other one.
const (
	Unknown FieldID = iota

	// Framing and routing of the message.
	Host
	ContentLength
	TransferEncoding
	Trailer
	TE
	Expect

	// The connection.
	Connection
	KeepAlive
	ProxyConnection
	ProxyAuthenticate
	ProxyAuthorization
	ProxyAuthenticationInfo
	Upgrade
	HTTP2Settings

	// WebSocket.
	SecWebSocketKey
	SecWebSocketVersion
	SecWebSocketAccept

	// What routing, learning and answering look at.
	Cookie
	SetCookie
	Origin
	UserAgent
	AcceptEncoding
	ContentType
	ContentEncoding

	// Who the client is, as a proxy in front of us says.
	XForwardedFor
	XForwardedProto
	XForwardedHost
	XForwardedOther // any other name that begins with X-Forwarded-
	XRealIP
	Forwarded

	// ForwardedLookAlike is one of the names above spelled with '_' (X_Forwarded_For), which gateways of the CGI
	// family take for the real one.
	ForwardedLookAlike

	// framingLookAlike is Content_Length or Transfer_Encoding. No message with it is admitted.
	framingLookAlike
)

// known is one name that identify finds.
type known struct {
	folded string
	id     FieldID
}

// knownByLength lists the known names by their length: five candidates at most, most of which differ in the first byte.
var knownByLength = func() (table [26][]known) {
	for _, k := range []known{
		{"host", Host},
		{"content-length", ContentLength},
		{"transfer-encoding", TransferEncoding},
		{"trailer", Trailer},
		{"te", TE},
		{"expect", Expect},
		{"connection", Connection},
		{"keep-alive", KeepAlive},
		{"proxy-connection", ProxyConnection},
		{"proxy-authenticate", ProxyAuthenticate},
		{"proxy-authorization", ProxyAuthorization},
		{"proxy-authentication-info", ProxyAuthenticationInfo},
		{"upgrade", Upgrade},
		{"http2-settings", HTTP2Settings},
		{"sec-websocket-key", SecWebSocketKey},
		{"sec-websocket-version", SecWebSocketVersion},
		{"sec-websocket-accept", SecWebSocketAccept},
		{"cookie", Cookie},
		{"set-cookie", SetCookie},
		{"origin", Origin},
		{"user-agent", UserAgent},
		{"accept-encoding", AcceptEncoding},
		{"content-type", ContentType},
		{"content-encoding", ContentEncoding},
		{"x-forwarded-for", XForwardedFor},
		{"x-forwarded-proto", XForwardedProto},
		{"x-forwarded-host", XForwardedHost},
		{"x-real-ip", XRealIP},
		{"forwarded", Forwarded},
	} {
		table[len(k.folded)] = append(table[len(k.folded)], k)
	}
	return table
}()

var (
	// framing are the fields whose imitation would let a backend see another end of the message.
	framing = setOf(ContentLength, TransferEncoding)

	// forwarding are the fields that tell who the client is; holdfast writes some of them itself.
	forwarding = setOf(XForwardedFor, XForwardedProto, XForwardedHost, XForwardedOther, XRealIP, Forwarded)
)
