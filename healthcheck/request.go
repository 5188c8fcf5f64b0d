package healthcheck

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/valyala/fasthttp"
)

const (
	maxHead  = 16 << 10 // bytes of a reply's head
	maxBody  = 4 << 10  // bytes of a reply's body: all that can be a refusal (an Engine.IO one has under 100)
	maxReply = 64 << 10 // bytes read in all, interim replies and chunk extensions included
)

// Request is how a probe asks over HTTP. The zero value works.
type Request struct {
	Path string      // path, with a query if need be, sent as it is; "" = the probe's own default
	Host string      // Host field; "" = host and port of the URL, localhost for a unix socket
	TLS  *tls.Config // for https; nil = the system's roots. "" as ServerName = host of the URL
}

// reply is what a probe looks at. The body is nil where it was not asked for
// or is longer than maxBody.
type reply struct {
	status int
	body   []byte
}

const (
	headOnly = false
	withBody = true
)

// requestHead is a whole GET request. It has neither Origin (a Python server
// judges that before the sid) nor Accept-Encoding (we would have to unpack).
func requestHead(target, host string) []byte {
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	var h fasthttp.RequestHeader
	h.SetRequestURI(target)
	h.SetHost(host)
	h.SetUserAgent("holdfast-healthcheck")
	h.SetConnectionClose()
	return h.Header()
}

// readReply reads one reply, interim ones before it skipped. Status is one of
// 200 to 599, anything else is an error.
func readReply(r io.Reader, body bool) (reply, error) {
	var resp fasthttp.Response
	resp.SkipBody = !body
	resp.Header.SetNoDefaultContentType(true)
	err := resp.ReadLimitBody(bufio.NewReaderSize(io.LimitReader(r, maxReply), maxHead), maxBody)
	tooLong := errors.Is(err, fasthttp.ErrBodyTooLarge)
	if err != nil && !tooLong {
		return reply{}, fmt.Errorf("reading the reply to a check: %w", err)
	}
	status := resp.StatusCode()
	if status < 200 || status > 599 {
		return reply{}, fmt.Errorf("status %d: want 200 to 599", status)
	}
	if tooLong || !body {
		return reply{status: status}, nil
	}
	return reply{status: status, body: bytes.TrimSpace(resp.Body())}, nil
}
