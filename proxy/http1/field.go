package http1

// Field is one field line of a head. Name and Value alias the buffer the head was read from.
type Field struct {
	// Name is a token, in the letters its sender chose.
	Name []byte

	// Value has no white space around it and no control byte but HTAB in it. That of Content-Length has no leading
	// zeros, and that of Host is the host of the target, where that had one.
	Value []byte

	// ID tells which known field it is; Unknown for all others.
	ID FieldID

	// Hop tells that the field ends here and must not be forwarded: see hopbyhop.go.
	Hop bool
}

// fieldSet is a set of known fields.
type fieldSet uint64

func setOf(ids ...FieldID) (s fieldSet) {
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

func (s fieldSet) has(id FieldID) bool { return s>>id&1 != 0 }

// fieldLines is what the field lines of one head amount to.
type fieldLines struct {
	fields      []Field
	once, twice fieldSet // known fields that are there; that are there more than once
}

// value returns the value of the first field of that name, or nil.
func (l *fieldLines) value(id FieldID) []byte {
	if !l.once.has(id) {
		return nil
	}
	return firstValue(l.fields, id)
}

func firstValue(fields []Field, id FieldID) []byte {
	for i := range fields {
		if fields[i].ID == id {
			return fields[i].Value
		}
	}
	return nil
}

// parse reads field lines from buf[pos:] up to the empty line that ends the head. It appends to l.fields, max at most.
// It returns the position after the head, or 0 when the head is not complete.
func (l *fieldLines) parse(buf []byte, pos, max int) (int, *Error) {
	for {
		line, next, err := nextLine(buf, pos)
		if next == 0 {
			return 0, err
		}
		if len(line) == 0 {
			return next, nil
		}
		if len(l.fields) == max {
			return 0, errFields
		}
		if err := l.add(line); err != nil {
			return 0, err
		}
		pos = next
	}
}

// nextLine returns the line at buf[pos:] without its CRLF and the position after it; 0 when there is none yet or none
// that is well-formed.
func nextLine(buf []byte, pos int) (line []byte, next int, err *Error) {
	end := control(buf, pos)
	switch {
	case end == len(buf):
		return nil, 0, nil
	case buf[end] == '\n':
		return nil, 0, errLineEnd
	case buf[end] != '\r':
		return nil, 0, errControl
	case end+1 == len(buf):
		return nil, 0, nil
	case buf[end+1] != '\n':
		return nil, 0, errLineEnd
	}
	return buf[pos:end], end + 2, nil
}

// add splits one field line (RFC 9112 section 5): no white space before the colon, none in front of the line.
func (l *fieldLines) add(line []byte) *Error {
	var roles class
	colon := 0
	for colon < len(line) && classes[line[colon]]&tokenByte != 0 {
		roles |= classes[line[colon]]
		colon++
	}
	if colon == 0 && (line[0] == ' ' || line[0] == '\t') {
		return errFolded
	}
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		return errFieldName
	}
	id := identify(line[:colon])
	if roles&underscore != 0 {
		id = lookAlike(id)
	}
	if id == framingLookAlike {
		return errLookAlike
	}
	l.twice |= l.once & (1 << id)
	l.once |= 1 << id
	f := l.grow()
	f.Name, f.Value, f.ID, f.Hop = line[:colon:colon], trimmed(line[colon+1:]), id, hopByHop.has(id)
	return nil
}

// grow returns a new last field to be filled in. Appending one that is filled in would copy its 56 bytes, which showed
// as the most expensive line of a whole head.
func (l *fieldLines) grow() *Field {
	n := len(l.fields)
	if n == cap(l.fields) {
		l.fields = append(l.fields, Field{})
	}
	l.fields = l.fields[:n+1]
	return &l.fields[n]
}

// identify tells which known field a name is, or would be with '-' in place of '_'.
func identify(name []byte) FieldID {
	if len(name) < len(knownByLength) {
		for _, k := range knownByLength[len(name)] {
			if foldedEqual(name, k.folded) {
				return k.id
			}
		}
	}
	if len(name) > len(xForwarded) && foldedEqual(name[:len(xForwarded)], xForwarded) {
		return XForwardedOther
	}
	return Unknown
}

const xForwarded = "x-forwarded-"

// lookAlike returns what a name with an underscore is that would be id without it.
func lookAlike(id FieldID) FieldID {
	switch {
	case forwarding.has(id):
		return ForwardedLookAlike
	case framing.has(id):
		return framingLookAlike
	}
	return Unknown
}

// foldedEqual tells whether b folds to s, which has b's length and is folded already.
func foldedEqual(b []byte, s string) bool {
	for i, x := range b {
		if folded[x] != s[i] {
			return false
		}
	}
	return true
}
