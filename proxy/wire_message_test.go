package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// message is one request or reply as it stood on the wire.
type message struct {
	head   string // with its first line and the empty line at its end
	start  string // the first line
	fields []field
	body   string // decoded
	framed string // the body as it came: with its chunks
}

type field struct{ name, value string }

// raw returns all bytes of the message.
func (m *message) raw() string { return m.head + m.framed }

// values returns the values of the fields of that name, in any case of letters.
func (m *message) values(name string) (values []string) {
	for _, f := range m.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

// value returns the value of the first field of that name, "" when there is none.
func (m *message) value(name string) string {
	if values := m.values(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (m *message) has(name string) bool { return len(m.values(name)) > 0 }

// status is the status of a reply; 0 for what is none.
func (m *message) status() int {
	if len(m.start) < len("HTTP/1.1 200") {
		return 0
	}
	n, _ := strconv.Atoi(m.start[9:12])
	return n
}

// target is the target of a request.
func (m *message) target() string {
	if parts := strings.Split(m.start, " "); len(parts) == 3 {
		return parts[1]
	}
	return ""
}

func (m *message) method() string {
	method, _, _ := strings.Cut(m.start, " ")
	return method
}

// readRequest reads one request as the strictest of servers would. It is written apart from package http1, so that one
// of them finds the other's mistakes.
func readRequest(r *bufio.Reader) (m message, err error) {
	if m, err = readHead(r); err != nil {
		return m, err
	}
	return m, m.readBody(r, false)
}

// readReply reads one reply, interim ones as messages of their own, to a request of that method.
func readReply(r *bufio.Reader, method string) (m message, err error) {
	if m, err = readHead(r); err != nil {
		return m, err
	}
	if s := m.status(); method == "HEAD" || s < 200 || s == 204 || s == 304 {
		return m, nil
	}
	return m, m.readBody(r, true)
}

func readHead(r *bufio.Reader) (m message, err error) {
	for {
		line, err := r.ReadString('\n')
		m.head += line
		if err != nil {
			return m, err
		}
		line, ok := strings.CutSuffix(line, "\r\n")
		switch {
		case !ok || strings.ContainsAny(line, "\r\x00"):
			return m, fmt.Errorf("line %q does not end in CRLF", line)
		case m.start == "":
			m.start = line
			continue
		case line == "":
			return m, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return m, fmt.Errorf("field line %q", line)
		}
		m.fields = append(m.fields, field{name, strings.Trim(value, " \t")})
	}
}

// readBody reads the body that the head announces; without an announcement a reply ends with its connection.
func (m *message) readBody(r *bufio.Reader, reply bool) error {
	lengths, codings := m.values("Content-Length"), m.values("Transfer-Encoding")
	switch {
	case len(lengths)+len(codings) > 1:
		return fmt.Errorf("framed twice: %q", m.head)
	case len(codings) == 1 && codings[0] == "chunked":
		return m.readChunks(r)
	case len(codings) == 1:
		return fmt.Errorf("coding %q", codings[0])
	case len(lengths) == 1:
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil {
			return err
		}
		m.framed, err = readN(r, int64(n))
		m.body = m.framed
		return err
	case reply:
		rest, err := io.ReadAll(r)
		m.framed, m.body = string(rest), string(rest)
		return err
	}
	return nil
}

// readChunks takes plain chunks only: no extensions, no trailers, no leading zeros.
func (m *message) readChunks(r *bufio.Reader) error {
	var framed, body strings.Builder
	defer func() { m.framed, m.body = framed.String(), body.String() }()
	for {
		line, err := r.ReadString('\n')
		framed.WriteString(line)
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(line, "\r\n"), 16, 62)
		if err != nil || strconv.FormatUint(n, 16)+"\r\n" != line {
			return fmt.Errorf("chunk size %q", line)
		}
		data, err := readN(r, int64(n)+2)
		framed.WriteString(data)
		body.WriteString(data[:min(len(data), int(n))])
		switch {
		case err != nil:
			return err
		case !strings.HasSuffix(data, "\r\n"):
			return errors.New("chunk does not end in CRLF")
		case n == 0:
			return nil
		}
	}
}

// readN reads n bytes, and returns what it got of them on an error.
func readN(r *bufio.Reader, n int64) (string, error) {
	var b strings.Builder
	got, err := io.CopyN(&b, r, n)
	if err == io.EOF && got > 0 {
		err = io.ErrUnexpectedEOF
	}
	return b.String(), err
}

// ok is the plainest reply.
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// forwardedFor is what the proxy says of a client on loopback who asked for that host.
func forwardedFor(host string) string {
	return "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: " + host + "\r\nX-Real-IP: 127.0.0.1\r\n"
}

func decimal(n int) string { return strconv.Itoa(n) }

func hex(n int) string { return strconv.FormatInt(int64(n), 16) }

func newReader(raw string) *bufio.Reader { return bufio.NewReader(strings.NewReader(raw)) }
