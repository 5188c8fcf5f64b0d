package http1

// Error says why a message is not admitted and what to do about it.
type Error struct {
	// Status is the answer: for a request what its client gets; for a reply always 502, which its requester gets.
	Status int

	// Line is one plain line without bytes of the message: fit for the client of a refused request and for a log.
	// About a reply it is for the log only.
	Line string

	// Close tells that nobody can say where the next message begins: answer, then close the connection. False only
	// for a request without a body whose head is well-formed: its head is n bytes long, and the connection may go on.
	Close bool
}

// Error returns the line.
func (e *Error) Error() string { return e.Line }

func malformed(line string) *Error { return &Error{Status: 400, Line: line, Close: true} }

// Refusals of a message that cannot be read. The values are shared, so that refusing costs no memory.
var (
	errLineEnd     = malformed("line does not end in CRLF")
	errControl     = malformed("control character in the head")
	errRequestLine = malformed("malformed request line")
	errMethod      = malformed("malformed method")
	errTarget      = malformed("malformed request target")
	errVersion     = malformed("malformed HTTP version")
	errFieldName   = malformed("malformed field name")
	errFolded      = malformed("folded field line")
	errLookAlike   = malformed("field name imitates a framing field")
	errNoHost      = malformed("missing Host")
	errHosts       = malformed("more than one Host")
	errHost        = malformed("malformed Host")
	errLength      = malformed("malformed Content-Length")
	errLengths     = malformed("more than one Content-Length")
	errCoding      = malformed("malformed Transfer-Encoding")
	errCodings     = malformed("more than one Transfer-Encoding")
	errTwoFramings = malformed("both Content-Length and Transfer-Encoding")
	errOldCoding   = malformed("Transfer-Encoding in HTTP/1.0")
	errStatusLine  = malformed("malformed status line")
	errInterimBody = malformed("interim reply with a body")

	errMethodBytes  = &Error{Status: 501, Line: "method too long", Close: true}
	errConnect      = &Error{Status: 405, Line: "method not allowed", Close: true}
	errTargetBytes  = &Error{Status: 414, Line: "request target too long", Close: true}
	errHeadBytes    = &Error{Status: 431, Line: "head too large", Close: true}
	errFields       = &Error{Status: 431, Line: "too many fields", Close: true}
	errOptions      = &Error{Status: 431, Line: "too many connection options", Close: true}
	errOtherCoding  = &Error{Status: 501, Line: "transfer coding not implemented", Close: true}
	errOtherVersion = &Error{Status: 505, Line: "HTTP version not supported", Close: true}
)

// Refusals of a request that can be read but is not wanted.
var (
	errTrace       = &Error{Status: 405, Line: "method not allowed"}
	errBodyBytes   = &Error{Status: 413, Line: "body too large", Close: true}
	errExpectation = &Error{Status: 417, Line: "expectation not supported"}

	errUpgradeMethod  = &Error{Status: 400, Line: "websocket upgrade with a method other than GET"}
	errUpgradeBody    = &Error{Status: 400, Line: "websocket upgrade with a body"}
	errUpgradeList    = &Error{Status: 400, Line: "websocket upgrade beside another protocol"}
	errUpgradeKey     = &Error{Status: 400, Line: "websocket upgrade without one valid Sec-WebSocket-Key"}
	errUpgradeVersion = &Error{Status: 400, Line: "websocket upgrade without one valid Sec-WebSocket-Version"}
)

// Refusals inside a body.
var (
	errChunkSize  = malformed("malformed chunk size")
	errChunkEnd   = malformed("chunk does not end in CRLF")
	errExtension  = malformed("malformed chunk extension")
	errExtensions = malformed("chunk extensions too long")
	errTrailer    = malformed("malformed trailer field")
	errBodyCut    = malformed("connection closed inside the body")

	errTrailers = &Error{Status: 431, Line: "trailers too large", Close: true}
)

// closing returns e with Close set.
func (e *Error) closing() *Error { return &Error{Status: e.Status, Line: e.Line, Close: true} }

// asReply returns what e means when it was found in a reply: the backend cannot be understood.
func (e *Error) asReply() *Error { return &Error{Status: 502, Line: e.Line, Close: true} }
