package http1

// reasons are the phrases of RFC 9110 section 15 and RFC 6585 for what holdfast itself answers with.
var reasons = map[int]string{
	100: "Continue",
	101: "Switching Protocols",
	200: "OK",
	204: "No Content",
	400: "Bad Request",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	408: "Request Timeout",
	413: "Content Too Large",
	414: "URI Too Long",
	417: "Expectation Failed",
	421: "Misdirected Request",
	426: "Upgrade Required",
	429: "Too Many Requests",
	431: "Request Header Fields Too Large",
	500: "Internal Server Error",
	501: "Not Implemented",
	502: "Bad Gateway",
	503: "Service Unavailable",
	504: "Gateway Timeout",
	505: "HTTP Version Not Supported",
}

// ReasonPhrase returns the reason phrase for a status that holdfast itself answers with, "" for any other.
func ReasonPhrase(status int) string { return reasons[status] }
