package http1

import "strconv"

// The functions here append to dst and return it, as append does. They write what they are given: parts that come from Parse
// are safe, anything else must be free of control bytes. None of them allocates when dst has room.

// Text is a part of a message, as bytes or as a string.
type Text interface{ ~[]byte | ~string }

// AppendRequestLine writes a request line. Upstream it is always HTTP/1.1, whatever the client speaks.
func AppendRequestLine[M, T Text](dst []byte, method M, target T) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, target...)
	return append(dst, " HTTP/1.1\r\n"...)
}

// AppendStatusLine writes a status line. To a client it is always HTTP/1.1 (RFC 9110 section 6.2).
func AppendStatusLine[R Text](dst []byte, status int, reason R) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reason...)
	return append(dst, "\r\n"...)
}

// AppendField writes one field line.
func AppendField[N, V Text](dst []byte, name N, value V) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// AppendLength writes a Content-Length field.
func AppendLength(dst []byte, length int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, length, 10)
	return append(dst, "\r\n"...)
}

// AppendChunkHeader writes what precedes size bytes of data, more than none. CRLF follows the data.
func AppendChunkHeader(dst []byte, size int) []byte {
	dst = strconv.AppendUint(dst, uint64(size), 16)
	return append(dst, "\r\n"...)
}

const (
	// CRLF ends a head, and follows the data of each chunk.
	CRLF = "\r\n"

	// LastChunk ends a chunked body. It has no trailers.
	LastChunk = "0\r\n\r\n"

	// Continue is the interim reply that makes a client send its body.
	Continue = "HTTP/1.1 100 Continue\r\n\r\n"
)

// Allowed is the Allow field that RFC 9110 section 15.5.6 wants in a 405; it comes after CONNECT and TRACE.
const Allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
