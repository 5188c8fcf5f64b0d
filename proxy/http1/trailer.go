package http1

// stepTrailer takes one byte of the trailer section (RFC 9112 section 7.1.2): field lines as strict as those of a head,
// up to an empty line. They are dropped: a trailer could only tell a backend something that we did not look at.
func (b *Body) stepTrailer(c byte) *Error {
	switch b.state {
	case trailerStart:
		return b.startTrailer(c)
	case trailerName:
		if c == ':' {
			b.state = trailerValue
			return nil
		}
		return valid(classes[c]&tokenByte != 0)
	case trailerValue:
		if c == '\r' {
			b.state = trailerLF
			return nil
		}
		return valid(!isControl(c))
	case trailerLF:
		return b.want(c, '\n', trailerStart, errTrailer)
	}
	return b.want(c, '\n', chunksDone, errTrailer)
}

// startTrailer takes the first byte of a line: the end of the section, or one field more.
func (b *Body) startTrailer(c byte) *Error {
	if c == '\r' {
		b.state = lastLF
		return nil
	}
	if b.fields--; b.fields < 0 {
		return errTrailers
	}
	b.state = trailerName
	return valid(classes[c]&tokenByte != 0)
}

// valid turns a verdict on a byte of a trailer into an error.
func valid(ok bool) *Error {
	if !ok {
		return errTrailer
	}
	return nil
}
