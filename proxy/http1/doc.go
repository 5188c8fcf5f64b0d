// Package http1 holds the rules of HTTP/1.1 messages as pure state machines: bytes in, a verdict out.
//
// It decides which heads are admitted (RFC 9110, 9112 and 6455), where a message ends, and which fields stop here;
// it does no I/O, starts no goroutine and reads no clock, so that every carrier of bytes applies the same rules.
//
//	seen := 0
//	for {
//		n, err := req.Parse(buf, seen, limits) // the head at the start of buf
//		if err != nil {
//			return refuse(err.Status, err.Line) // and close, if err.Close
//		}
//		if n > 0 {
//			break // req is complete, its body begins at buf[n:]
//		}
//		seen = len(buf)
//		buf = readMore(buf)
//	}
//	for !req.Body.Done() {
//		data, n, err := req.Body.Next(buf) // data aliases buf; n bytes are used up
//	}
//
// The package is strict on purpose. A message that two programs could read in two ways is refused, never repaired:
// only CRLF ends a line, a name is a token, a length is one number, a transfer coding is exactly chunked. What is
// accepted is handed on as parts, and the Append functions write a new message from those parts.
//
// Strictness ends where real peers need it. Tolerated in requests: one empty line before the request line
// (RFC 9112 section 2.2), characters in a target that RFC 3986 wants encoded but browsers send as they are,
// Connection options that are no tokens. Tolerated in replies, as nginx and HAProxy do: a status line without a
// reason phrase, with or without the space before it, a Content-Length of 0 in 1xx and 204, and bytes above 0x7f in a reason.
//
// Everything a parser returns aliases the caller's buffer and dies with it. Errors are shared values: never change one.
package http1
