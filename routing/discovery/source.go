package discovery

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Source is a place that lists backends. Make it with ParseSource; the zero value is none.
type Source struct {
	text   string // as it was configured
	scheme string // dns, srv or file
	name   string // what DNS is asked for, or the file's path
	port   uint16 // of every backend of a dns source
}

// errSource is what a source that cannot be read should have been.
var errSource = errors.New("want dns://NAME:PORT, srv://NAME or file:///PATH")

// ParseSource reads a source's notation:
//
//	dns://NAME:PORT   every address in NAME's A and AAAA records, with that port
//	srv://NAME        every address of every target in NAME's SRV records, with the target's port; NAME is the whole
//	                  name, such as _http._tcp.web.default.svc.cluster.local
//	file:///PATH      a file, see docs/discovery.md for what stands in it
//
// Its error says what was wanted and is meant to follow the text.
func ParseSource(text string) (Source, error) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || strings.ContainsAny(text, "?#") {
		return Source{}, errSource
	}
	s := Source{text: text, scheme: u.Scheme, name: u.Hostname()}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	s.port = uint16(port)
	switch {
	case u.Scheme == "file" && u.Host == "" && len(u.Path) > 1 && u.Path[0] == '/':
		s.name = u.Path
	case u.Scheme == "dns" && err == nil && port > 0 && isName(s.name) && u.Path == "":
	case u.Scheme == "srv" && u.Host == s.name && isName(s.name) && u.Path == "":
	default:
		return Source{}, errSource
	}
	return s, nil
}

// isName says that text may be a name in DNS. An address is none: it would be asked for in vain.
func isName(text string) bool {
	_, err := netip.ParseAddr(text)
	return err != nil && text != "" && len(text) <= 254 && !strings.ContainsAny(text, " :")
}

// String returns the source's notation as it was read.
func (s Source) String() string { return s.text }

// pause is the time from one look to the next.
func (s Source) pause() time.Duration {
	if s.scheme == "file" {
		return poll
	}
	return refresh
}

// look returns what looks at the source; it remembers what it must from call to call, and serves one goroutine.
func (s Source) look(r *net.Resolver) look {
	switch s.scheme {
	case "dns":
		return (&address{resolver: r, name: s.name, port: s.port}).look
	case "srv":
		return (&service{resolver: r, name: s.name}).look
	}
	return (&file{path: s.name}).look
}
