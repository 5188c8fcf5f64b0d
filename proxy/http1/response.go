package http1

// Response is the head of a reply, and the decoder of its body. The zero value is ready for Parse, and a used one may
// be used again. All slices alias the parsed buffer.
type Response struct {
	// Minor is 1 for HTTP/1.1 and 0 for HTTP/1.0.
	Minor int

	// Status is 100 to 599. A reply below 200 is interim: another one follows it, except after a 101.
	Status int

	// Reason is the reason phrase, which may be empty.
	Reason []byte

	// Fields are all field lines, in their order.
	Fields []Field

	// Body decodes what follows the head.
	Body Body

	// KeepAlive tells that the connection can serve another request when the body is done. It is false also when
	// nobody can be sure that nothing follows: a reply that may not have a body announces one.
	KeepAlive bool

	// Upgrade tells that this is a 101 to the WebSocket protocol. A tunnel may open on it, if one was asked for.
	Upgrade bool

	present fieldSet
}

// Has tells whether the reply has that field.
func (r *Response) Has(id FieldID) bool { return r.present.has(id) }

// Value returns the value of the first field of that name, nil when there is none.
func (r *Response) Value(id FieldID) []byte {
	if !r.Has(id) {
		return nil
	}
	return firstValue(r.Fields, id)
}

// Parse reads the head of a reply at the start of buf and returns its length. It returns 0 and no error when more bytes
// are needed; seen is then as in Request.Parse. head says that the request was a HEAD, whose reply has no body.
// Every error closes, has Status 502 and comes with n = 0.
func (r *Response) Parse(buf []byte, seen int, head bool, lim Limits) (n int, err *Error) {
	lim = lim.filled()
	if undecided(buf, seen, lim.HeadBytes) {
		return 0, nil
	}
	lim.BodyBytes = 0 // replies are not bounded
	first := buf[:min(len(buf), lim.HeadBytes)]
	n, err = r.parse(first, head, lim)
	switch {
	case err != nil:
		return 0, err.asReply()
	case n == 0 && len(first) == lim.HeadBytes:
		return 0, errHeadBytes.asReply()
	}
	return n, nil
}

func (r *Response) parse(buf []byte, head bool, lim Limits) (int, *Error) {
	lines := fieldLines{fields: r.Fields[:0]}
	*r = Response{Fields: lines.fields}
	line, next, err := nextLine(buf, 0)
	if next == 0 {
		return 0, err
	}
	if err := r.parseStatusLine(line); err != nil {
		return 0, err
	}
	n, err := lines.parse(buf, next, lim.Fields)
	r.Fields, r.present = lines.fields, lines.once
	if n == 0 {
		return 0, err
	}
	return n, r.settle(&lines, head, lim)
}

// parseStatusLine reads "HTTP/1.1 200 OK" (RFC 9112 section 4). The reason may be empty, and then the space before it
// may be missing too, as nginx and HAProxy have it.
func (r *Response) parseStatusLine(line []byte) *Error {
	const code, reason = len("HTTP/1.1 "), len("HTTP/1.1 200 ")
	if len(line) < reason-1 || line[code-1] != ' ' {
		return errStatusLine
	}
	minor, err := parseVersion(line[:code-1])
	if err != nil {
		return err
	}
	status, ok := number(line[code : code+3])
	if !ok || status < 100 || status > 599 {
		return errStatusLine
	}
	r.Minor, r.Status = minor, int(status)
	switch {
	case len(line) == reason-1:
	case line[reason-1] != ' ':
		return errStatusLine
	default:
		r.Reason = line[reason:len(line):len(line)]
	}
	return nil
}

// settle finds out, once all field lines are there, where the reply ends (RFC 9112 section 6.3) and what follows it.
func (r *Response) settle(lines *fieldLines, head bool, lim Limits) *Error {
	framing, length, err := lines.framing(r.Minor)
	if err != nil {
		return err
	}
	options, err := lines.connection(lim.Fields)
	if err != nil {
		return err
	}
	announced := framing == Chunked || length > 0
	switch {
	case r.Status < 200 && announced:
		return errInterimBody
	case r.Status < 200 || r.Status == 204:
		lines.mark(ContentLength)
		framing, length = NoBody, 0
	case r.Status == 304 || head:
		framing, length = NoBody, 0
	case framing == NoBody:
		framing = UntilClose
	}
	r.Body = newBody(framing, length, lim)
	r.Body.reply = true
	certain := framing != UntilClose && (framing != NoBody || !announced)
	r.KeepAlive = certain && r.Status != 101 && options.keepsAlive(r.Minor)
	r.Upgrade = r.Status == 101 && !lines.twice.has(Upgrade) && isWord(lines.value(Upgrade), "websocket")
	return nil
}

// mark keeps the fields of that name from being forwarded.
func (l *fieldLines) mark(id FieldID) {
	for i := range l.fields {
		if l.fields[i].ID == id {
			l.fields[i].Hop = true
		}
	}
}
