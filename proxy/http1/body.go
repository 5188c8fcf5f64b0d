package http1

// Framing is how the end of a body is found.
type Framing uint8

// The framings of RFC 9112 section 6.
const (
	NoBody     Framing = iota
	Length             // Content-Length bytes
	Chunked            // up to the last chunk and its trailers
	UntilClose         // all that comes; replies only
)

// Body decodes one message body. It comes from Parse; the zero value is the body of a message without one. It may be
// copied before its first use.
type Body struct {
	// Framing is how the body ends.
	Framing Framing

	// Length is the announced length in bytes; 0 unless Framing is Length.
	Length int64

	left  int64 // of the length, or of the chunk
	room  int64 // for data of chunks under Limits.BodyBytes; negative: no bound
	err   *Error
	reply bool
	state chunkState

	digits     int // of the chunk size
	extension  int // bytes of the extensions in this chunk header
	extensions int // that all extensions together may still have
	trailer    int // bytes that the trailer section may still have
	fields     int // that the trailer section may still have
}

// newBody returns the decoder for a framing within filled limits.
func newBody(framing Framing, length int64, lim Limits) Body {
	b := Body{Framing: framing, Length: length, left: length, room: -1}
	if lim.BodyBytes > 0 {
		b.room = lim.BodyBytes
	}
	if framing == Chunked {
		b.left, b.extensions, b.trailer, b.fields = 0, lim.HeadBytes, lim.HeadBytes, lim.Fields
	}
	return b
}

// Next decodes from the start of buf: data is a piece of the body inside buf, n the number of bytes used up, framing
// included. Call it with what follows until it uses nothing: then Done tells whether the body is complete or more bytes
// are needed. Trailers are checked and dropped. It never takes a byte that belongs to the next message. After an error
// it returns that error for ever.
func (b *Body) Next(buf []byte) (data []byte, n int, err *Error) {
	switch b.Framing {
	case Length:
		data = b.take(buf)
		return data, len(data), nil
	case Chunked:
		return b.nextChunked(buf)
	case UntilClose:
		return buf, len(buf), nil
	}
	return nil, 0, nil
}

// take cuts what is left of the length, or of the chunk, from the start of buf.
func (b *Body) take(buf []byte) []byte {
	n := min(int64(len(buf)), b.left)
	b.left -= n
	return buf[:n:n]
}

// Done tells that the last byte of the body has been used up.
func (b *Body) Done() bool {
	switch b.Framing {
	case Length:
		return b.left == 0
	case Chunked:
		return b.state == chunksDone
	case UntilClose:
		return false
	}
	return true
}

// EOF tells what the end of the connection means: nil when the body is complete, which it is by the end itself under UntilClose.
func (b *Body) EOF() *Error {
	switch {
	case b.Framing == UntilClose || b.Done():
		return nil
	case b.err != nil:
		return b.err
	}
	return b.fail(errBodyCut)
}

// fail makes err the body's last word.
func (b *Body) fail(err *Error) *Error {
	if b.reply {
		err = err.asReply()
	}
	b.err = err
	return err
}
