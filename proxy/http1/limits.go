package http1

// Limits bounds what one message may cost. A field that is zero or less stands for its default.
type Limits struct {
	// HeadBytes bounds a head, from its first byte to the empty line that ends it; 0 means 16 KiB. The extensions of
	// all chunks together, and the trailer section, have the same bound each.
	HeadBytes int

	// Fields bounds the field lines of a head, those of a trailer section, and the options in Connection; 0 means 100.
	Fields int

	// TargetBytes bounds the request target; 0 means 8 KiB, as nginx has it (RFC 9112 section 3 asks for 8000 at least).
	TargetBytes int

	// BodyBytes bounds the decoded body of a request, announced or not; 0 means no bound. Replies are not bounded.
	BodyBytes int64
}

const (
	defaultHeadBytes   = 16 << 10
	defaultFields      = 100
	defaultTargetBytes = 8 << 10

	// maxMethodBytes is far above every registered method; a longer one gets 501 (RFC 9112 section 3).
	maxMethodBytes = 32

	// maxExtensionBytes bounds what may follow the size in one chunk header. Extensions carry no meaning between
	// strangers and are dropped.
	maxExtensionBytes = 1 << 10
)

// filled returns the limits with defaults in place of zeros.
func (l Limits) filled() Limits {
	if l.HeadBytes <= 0 {
		l.HeadBytes = defaultHeadBytes
	}
	if l.Fields <= 0 {
		l.Fields = defaultFields
	}
	if l.TargetBytes <= 0 {
		l.TargetBytes = defaultTargetBytes
	}
	return l
}
