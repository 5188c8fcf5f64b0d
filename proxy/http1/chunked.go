package http1

// chunkState is what the next byte of a chunked body must be (RFC 9112 section 7.1).
type chunkState uint8

const (
	chunkSizeStart chunkState = iota // first digit of a chunk size
	chunkSize                        // more digits, white space, ';' or CR
	chunkSpace                       // white space or ';' (BWS before an extension)
	chunkExtension                   // extension or CR
	chunkHeaderLF                    // LF of the chunk header
	chunkData                        // data
	chunkDataCR                      // CR after the data
	chunkDataLF                      // LF after the data
	trailerStart                     // first byte of a trailer's name, or CR of the last line
	trailerName                      // more of the name, or ':'
	trailerValue                     // value or CR
	trailerLF                        // LF of a trailer
	lastLF                           // LF of the last line
	chunksDone
)

// maxSizeDigits bounds the digits of a chunk size, leading zeros included.
const maxSizeDigits = 16

// nextChunked decodes up to and including one piece of data. The state machine goes byte by byte, so that nothing has
// to wait in the caller's buffer for the rest of a line.
func (b *Body) nextChunked(buf []byte) (data []byte, n int, err *Error) {
	if b.err != nil {
		return nil, 0, b.err
	}
	for n < len(buf) && b.state != chunksDone {
		if b.state == chunkData {
			data = b.take(buf[n:])
			if b.left == 0 {
				b.state = chunkDataCR
			}
			return data, n + len(data), nil
		}
		if err := b.step(buf[n]); err != nil {
			return nil, n, b.fail(err)
		}
		n++
	}
	return nil, n, nil
}

// step takes one byte that is not data.
func (b *Body) step(c byte) *Error {
	switch {
	case b.state <= chunkHeaderLF:
		return b.stepHeader(c)
	case b.state == chunkDataCR:
		return b.want(c, '\r', chunkDataLF, errChunkEnd)
	case b.state == chunkDataLF:
		return b.want(c, '\n', chunkSizeStart, errChunkEnd)
	}
	if b.trailer--; b.trailer < 0 {
		return errTrailers
	}
	return b.stepTrailer(c)
}

// want moves on to the next state if c is the byte it must be.
func (b *Body) want(c, must byte, next chunkState, otherwise *Error) *Error {
	if c != must {
		return otherwise
	}
	b.state = next
	return nil
}

// stepHeader takes one byte of a chunk header: size, optional extensions, CRLF.
func (b *Body) stepHeader(c byte) *Error {
	switch b.state {
	case chunkSizeStart:
		b.digits, b.extension = 0, 0
		return b.stepSize(c)
	case chunkSize:
		return b.stepSize(c)
	case chunkSpace:
		return b.stepSpace(c)
	case chunkExtension:
		return b.stepExtension(c)
	}
	return b.endHeader(c)
}

// stepSize takes one digit of a chunk size, into left, or what may follow the digits.
func (b *Body) stepSize(c byte) *Error {
	if b.digits > 0 {
		switch c {
		case '\r':
			b.state = chunkHeaderLF
			return nil
		case '\n':
			return errLineEnd
		case ' ', '\t', ';':
			return b.stepSpace(c)
		}
	}
	digit := hexDigit(c)
	if digit < 0 || b.digits == maxSizeDigits || b.left > (1<<63-1)>>4 {
		return errChunkSize
	}
	b.left = b.left<<4 | digit
	b.digits++
	b.state = chunkSize
	return nil
}

// hexDigit returns the value of a hexadecimal digit, -1 for any other byte.
func hexDigit(c byte) int64 {
	switch {
	case '0' <= c && c <= '9':
		return int64(c - '0')
	case 'a' <= c && c <= 'f':
		return int64(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int64(c-'A') + 10
	}
	return -1
}

// stepSpace takes white space before an extension, or the ';' that begins it. White space alone is no extension.
func (b *Body) stepSpace(c byte) *Error {
	switch c {
	case ';':
		b.state = chunkExtension
	case ' ', '\t':
		b.state = chunkSpace
	default:
		return errExtension
	}
	return b.countExtension()
}

// stepExtension takes a byte of an extension, which is dropped, so that its grammar does not matter.
func (b *Body) stepExtension(c byte) *Error {
	switch {
	case c == '\r':
		b.state = chunkHeaderLF
		return nil
	case c == '\n':
		return errLineEnd
	case c >= 0x7f || isControl(c):
		return errExtension
	}
	return b.countExtension()
}

// countExtension counts one byte of an extension against both bounds.
func (b *Body) countExtension() *Error {
	b.extension++
	b.extensions--
	if b.extension > maxExtensionBytes || b.extensions < 0 {
		return errExtensions
	}
	return nil
}

// endHeader takes the LF of a chunk header. A chunk of no bytes is the last one.
func (b *Body) endHeader(c byte) *Error {
	switch {
	case c != '\n':
		return errLineEnd
	case b.left == 0:
		b.state = trailerStart
		return nil
	case b.room >= 0 && b.left > b.room:
		return errBodyBytes
	case b.room >= 0:
		b.room -= b.left
	}
	b.state = chunkData
	return nil
}
