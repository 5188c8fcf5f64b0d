package http1

import "bytes"

var (
	slash    = []byte("/")
	asterisk = []byte("*")
)

// parseRequestLine reads the request line at the start of buf and returns the position after it, 0 when it is not there
// yet. One empty line before it is skipped: RFC 9112 section 2.2 asks for that, since old clients send a CRLF after a
// body. A second one is refused.
func (r *Request) parseRequestLine(buf []byte, lim Limits) (int, *Error) {
	pos := 0
	if bytes.HasPrefix(buf, []byte("\r\n")) {
		pos = 2
	}
	if pos == 0 && len(buf) > 0 && buf[0] != '\r' && classes[buf[0]]&tokenByte == 0 {
		return 0, errRequestLine // at once: TLS or another protocol on a plain port would wait for us as we for it
	}
	line, next, err := nextLine(buf, pos)
	if err != nil {
		return 0, err
	}
	if next == 0 && len(buf) < lim.HeadBytes {
		return 0, nil
	}
	if next == 0 {
		line = buf[pos:]
	}
	rest, err := r.parseMethod(line)
	if err != nil {
		return 0, err
	}
	if next == 0 {
		return 0, errTargetBytes
	}
	if err := r.parseTarget(rest, lim); err != nil {
		return 0, err
	}
	return next, nil
}

// parseMethod cuts the method and the space after it off the line. Unknown methods pass.
func (r *Request) parseMethod(line []byte) (rest []byte, err *Error) {
	end := 0
	for end < len(line) && classes[line[end]]&tokenByte != 0 {
		end++
	}
	switch {
	case end == 0:
		return nil, errRequestLine
	case end > maxMethodBytes:
		return nil, errMethodBytes
	case end == len(line):
		return nil, errRequestLine
	case line[end] != ' ':
		return nil, errMethod
	}
	r.Method = line[:end:end]
	if string(r.Method) == "CONNECT" {
		return nil, errConnect
	}
	return line[end+1:], nil
}

// parseTarget reads target and version. The version comes first, so that another protocol is told so.
func (r *Request) parseTarget(rest []byte, lim Limits) *Error {
	space := bytes.IndexByte(rest, ' ')
	if space < 0 || bytes.IndexByte(rest[space+1:], ' ') >= 0 {
		return errRequestLine
	}
	minor, err := parseVersion(rest[space+1:])
	if err != nil {
		return err
	}
	r.Minor = minor
	target := rest[:space:space]
	switch {
	case len(target) > lim.TargetBytes:
		return errTargetBytes
	case !all(target, targetByte):
		return errTarget
	case target[0] == '/':
		r.Target = target
		return nil
	case len(target) == 1 && target[0] == '*' && string(r.Method) == "OPTIONS":
		r.Target = asterisk
		return nil
	}
	return r.parseAbsolute(target)
}

// parseVersion accepts HTTP/1.0 and HTTP/1.1, with 505 for any other digits.
func parseVersion(v []byte) (minor int, err *Error) {
	switch string(v) {
	case "HTTP/1.1":
		return 1, nil
	case "HTTP/1.0":
		return 0, nil
	}
	if len(v) == len("HTTP/1.1") && string(v[:5]) == "HTTP/" && v[6] == '.' && all(v[5:6], digitByte) && all(v[7:], digitByte) {
		return 0, errOtherVersion
	}
	return 0, errVersion
}

// parseAbsolute takes an absolute-form target apart (RFC 9112 section 3.2.2). Its scheme must be http or https, which
// says nothing here: nobody is ever dialled by it. Without a path the target is "/", or "*" for OPTIONS (section 3.2.4).
func (r *Request) parseAbsolute(target []byte) *Error {
	colon := bytes.IndexByte(target, ':')
	if colon < 0 || !isWord(target[:colon], "http") && !isWord(target[:colon], "https") {
		return errTarget
	}
	rest, ok := bytes.CutPrefix(target[colon+1:], []byte("//"))
	if !ok {
		return errTarget
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	path := rest[end:]
	r.Host = rest[:end:end]
	if !validHost(r.Host) {
		return errTarget
	}
	switch {
	case len(path) == 0 && string(r.Method) == "OPTIONS":
		r.Target = asterisk
	case len(path) == 0:
		r.Target = slash
	case path[0] == '?':
		r.scratch = append(append(r.scratch[:0], '/'), path...)
		r.Target = r.scratch
	default:
		r.Target = path
	}
	return nil
}
