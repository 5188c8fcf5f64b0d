package http1

// framing decides what body the field lines announce (RFC 9112 sections 6.1 and 6.3). A Content-Length loses its
// leading zeros, which some readers take for octal.
func (l *fieldLines) framing(minor int) (Framing, int64, *Error) {
	length, coded := l.once.has(ContentLength), l.once.has(TransferEncoding)
	switch {
	case length && coded:
		return NoBody, 0, errTwoFramings
	case l.twice.has(ContentLength):
		return NoBody, 0, errLengths
	case l.twice.has(TransferEncoding):
		return NoBody, 0, errCodings
	case coded && minor == 0:
		return NoBody, 0, errOldCoding
	case coded:
		return Chunked, 0, coding(l.value(TransferEncoding))
	case !length:
		return NoBody, 0, nil
	}
	n, ok := number(l.value(ContentLength))
	if !ok {
		return NoBody, 0, errLength
	}
	l.replace(ContentLength, significant(l.value(ContentLength)))
	return Length, n, nil
}

// significant returns the digits of a number without leading zeros.
func significant(digits []byte) []byte {
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	return digits
}

// replace gives the first field of that name another value.
func (l *fieldLines) replace(id FieldID, value []byte) {
	for i := range l.fields {
		if l.fields[i].ID == id {
			l.fields[i].Value = value
			return
		}
	}
}

// coding refuses any Transfer-Encoding but chunked: with 501 a well-formed list of codings that ends the message
// elsewhere than we can tell, with 400 whatever else.
func coding(value []byte) *Error {
	if isWord(value, "chunked") {
		return nil
	}
	for rest := value; rest != nil; {
		var option []byte
		option, rest = nextOption(rest)
		if !all(option, tokenByte) || isWord(option, "chunked") && rest != nil {
			return errCoding
		}
	}
	return errOtherCoding
}
