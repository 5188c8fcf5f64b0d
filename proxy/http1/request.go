package http1

// Request is the head of a request, and the decoder of its body. The zero value is ready for Parse, and a used one may
// be used again. All slices alias the parsed buffer, unless the target had to be rewritten.
type Request struct {
	// Method is a token. It is never CONNECT or TRACE.
	Method []byte

	// Target is what goes upstream: origin-form, byte for byte as received, or "*" for OPTIONS. An absolute-form
	// target has been cut down to its path and query.
	Target []byte

	// Host is the host of an absolute-form target, else the value of Host. It is empty only for an HTTP/1.0 request
	// that names none. The next hop wants a Host field in any case: write one where Has(http1.Host) is false.
	Host []byte

	// Minor is 1 for HTTP/1.1 and 0 for HTTP/1.0.
	Minor int

	// Fields are all field lines, in their order.
	Fields []Field

	// Body decodes what follows the head.
	Body Body

	// KeepAlive tells that the client wants to send another request on this connection.
	KeepAlive bool

	// Expect tells that the client waits for 100 Continue before it sends the body.
	Expect bool

	// Upgrade tells that this is a valid request for a WebSocket (RFC 6455 section 4.2.1) of any version. It is
	// forwarded with Connection and Upgrade fields of our own. Every other Upgrade is to be ignored.
	Upgrade bool

	present fieldSet
	scratch []byte // holds a rewritten target
}

// Has tells whether the request has that field.
func (r *Request) Has(id FieldID) bool { return r.present.has(id) }

// Value returns the value of the first field of that name, nil when there is none.
func (r *Request) Value(id FieldID) []byte {
	if !r.Has(id) {
		return nil
	}
	return firstValue(r.Fields, id)
}

// Parse reads the head at the start of buf and returns its length. It returns 0 and no error when more bytes are
// needed: call it again with the same bytes and more behind them, seen being the length of the earlier buf (0 at the
// first call; any smaller number costs time only). The verdict depends on the bytes alone, not on how they came, and r
// means something only with n > 0.
//
// An error without Close is about a well-formed head: n is its length, and r can be read. Any other error comes with n = 0.
func (r *Request) Parse(buf []byte, seen int, lim Limits) (n int, err *Error) {
	lim = lim.filled()
	if undecided(buf, seen, lim.HeadBytes) {
		return 0, nil
	}
	head := buf[:min(len(buf), lim.HeadBytes)]
	n, err = r.parse(head, lim)
	if n == 0 && err == nil && len(head) == lim.HeadBytes {
		return 0, errHeadBytes
	}
	return n, err
}

// undecided tells that the bytes since seen cannot have decided anything: no line has ended, no control byte has
// come, the limit is not reached. This keeps the cost of a head that drips in linear in its bytes: all lines are
// read again only when one has ended, and lines are few. The byte before seen may be a CR that waits for its LF.
func undecided(buf []byte, seen, limit int) bool {
	return seen > 0 && len(buf) < limit && control(buf, max(0, min(seen, len(buf))-1)) == len(buf)
}

func (r *Request) parse(buf []byte, lim Limits) (int, *Error) {
	lines := fieldLines{fields: r.Fields[:0]}
	*r = Request{Fields: lines.fields, scratch: r.scratch}
	pos, err := r.parseRequestLine(buf, lim)
	if pos == 0 {
		return 0, err
	}
	n, err := lines.parse(buf, pos, lim.Fields)
	r.Fields, r.present = lines.fields, lines.once
	if n == 0 {
		return 0, err
	}
	if err := r.settle(&lines, lim); err != nil {
		return 0, err
	}
	if err := r.unwanted(&lines, lim); err != nil {
		return refused(n, err, r.Body.Done())
	}
	return n, nil
}

// refused is the result for a well-formed head of n bytes that is not wanted. What follows it is known to be a request
// only if there is no body: a client that is refused may send the body or not.
func refused(n int, err *Error, bodyless bool) (int, *Error) {
	switch {
	case err.Close:
		return 0, err
	case !bodyless:
		return 0, err.closing()
	}
	return n, err
}

// settle finds out, once all field lines are there, whom the message is for, where it ends and what follows it.
func (r *Request) settle(lines *fieldLines, lim Limits) *Error {
	if err := r.settleHost(lines); err != nil {
		return err
	}
	framing, length, err := lines.framing(r.Minor)
	if err != nil {
		return err
	}
	r.Body = newBody(framing, length, lim)
	options, err := lines.connection(lim.Fields)
	if err != nil {
		return err
	}
	r.KeepAlive = options.keepsAlive(r.Minor)
	r.Upgrade = r.Minor > 0 && options.upgrade && lines.namesWebSocket()
	return nil
}

// settleHost enforces one valid Host, which only HTTP/1.0 may leave out (RFC 9112 section 3.2), and lets the host of
// the target replace it.
func (r *Request) settleHost(lines *fieldLines) *Error {
	host, there := lines.value(Host), lines.once.has(Host)
	switch {
	case lines.twice.has(Host):
		return errHosts
	case !there && r.Minor > 0:
		return errNoHost
	case there && !validHost(host):
		return errHost
	case r.Host == nil:
		r.Host = host
	default:
		lines.replace(Host, r.Host)
	}
	return nil
}

// unwanted refuses what is well-formed but will not be forwarded.
func (r *Request) unwanted(lines *fieldLines, lim Limits) *Error {
	if string(r.Method) == "TRACE" {
		return errTrace
	}
	if lim.BodyBytes > 0 && r.Body.Length > lim.BodyBytes {
		return errBodyBytes
	}
	if err := r.expectation(lines); err != nil {
		return err
	}
	if r.Upgrade {
		return r.checkUpgrade(lines)
	}
	return nil
}

// expectation understands 100-continue only. It means nothing in HTTP/1.0 or without a body (RFC 9110 section 10.1.1).
func (r *Request) expectation(lines *fieldLines) *Error {
	if !lines.once.has(Expect) {
		return nil
	}
	if lines.twice.has(Expect) || !isWord(lines.value(Expect), "100-continue") {
		return errExpectation
	}
	r.Expect = r.Minor > 0 && !r.Body.Done()
	return nil
}
