package proxy

import (
	"net/netip"
	"strings"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// facts are what this proxy decides on, read once from a request's head; they outlive the head's bytes.
type facts struct {
	client netip.Addr      // whom it comes from, past trusted proxies
	query  *engineio.Query // the connection's, or noQuery
	method string          // GET, POST, HEAD or OPTIONS, "" for any other
	origin []byte          // for the CORS fields of a refusal; a copy

	old        bool // HTTP/1.0
	keepAlive  bool // the client wants to send another request on the connection
	upgrade    bool // it asks for a WebSocket
	leaves     bool // it is a session's last: its body ends with a close packet
	opens      bool // it opens a session: Engine.IO without a sid, other than a preflight
	head       bool // HEAD: the reply has no body
	safe       bool // by its method: GET, HEAD or OPTIONS
	takesClose bool // the client understands the close packet as an end that it may return from
}

// noQuery is the query of a request that is not Engine.IO's. It is never written.
var noQuery engineio.Query

// identify reads the facts of the request's head and refuses what cannot be told apart safely.
func (x *exchange) identify() *http1.Error {
	cfg := &x.c.p.cfg
	x.noteRequest()
	x.from = forwardedFrom(x.c.peer, x.req.Fields, cfg.trusts)
	x.client = x.from.client
	x.method = methodName(x.req.Method)
	x.head = x.method == "HEAD"
	x.safe = x.method == "GET" || x.head || x.method == "OPTIONS"
	x.upgrade = x.req.Upgrade
	x.noteVersion()
	for i := range x.req.Fields {
		x.noteField(&x.req.Fields[i])
	}
	if cfg.KeyHeader != "" {
		x.key = fieldValue(x.req.Fields, cfg.KeyHeader)
	}
	if cfg.KeyQuery != "" {
		x.key, _ = engineio.Param(x.req.Target, cfg.KeyQuery)
	}
	return x.identifySession()
}

// noteVersion reads what the client's version of HTTP, and its Connection field, say of the connection.
func (x *exchange) noteVersion() {
	x.old, x.keepAlive = x.req.Minor == 0, x.req.KeepAlive
	x.closing = !x.keepAlive
}

func (x *exchange) noteField(f *http1.Field) {
	cfg := &x.c.p.cfg
	switch f.ID {
	case http1.Origin:
		x.origin = append(x.origin[:0], f.Value...)
	case http1.UserAgent:
		x.takesClose = engineio.TakesClosePacket(f.Value)
	case http1.Cookie:
		if cfg.Cookie.Name != "" && x.cookie == "" {
			x.cookie = string(cookieValue(f.Value, cfg.Cookie.Name))
		}
	}
}

// fieldValue returns the value of the first field of that name.
func fieldValue(fields []http1.Field, name string) string {
	for i := range fields {
		if len(fields[i].Name) == len(name) && strings.EqualFold(string(fields[i].Name), name) {
			return string(fields[i].Value)
		}
	}
	return ""
}

// identifySession reads the query. A sid that could be read in two ways is refused, but only on Engine.IO's own
// requests: an application's other pages may call their parameters what they like.
func (x *exchange) identifySession() *http1.Error {
	q := &x.c.query
	err := q.Parse(x.req.Target)
	engineIO := q.HasEIO
	if paths := x.c.p.cfg.EngineIOPaths; len(paths) > 0 {
		engineIO = hasAnyPrefix(x.req.Target, paths)
	}
	if !engineIO {
		return nil
	}
	x.query = q
	if err != nil {
		return &http1.Error{Status: 400, Line: err.Error(), Close: !x.req.Body.Done()}
	}
	x.opens = q.SID == "" && x.method == "GET" && (q.HasEIO || q.Transport != "")
	return nil
}

func hasAnyPrefix(target []byte, prefixes []string) bool {
	for _, p := range prefixes {
		if len(target) >= len(p) && string(target[:len(p)]) == p {
			return true
		}
	}
	return false
}

// methodName returns the name of a method that is treated in a way of its own, without allocating.
func methodName(method []byte) string {
	for _, name := range [...]string{"GET", "POST", "OPTIONS", "HEAD"} {
		if string(method) == name {
			return name
		}
	}
	return ""
}

// pinned says that the request belongs to a session and so to one backend only.
func (x *exchange) pinned() bool { return x.query.SID != "" }

func (x *exchange) routingRequest() routing.Request {
	return routing.Request{
		SID:      x.query.SID,
		EIO:      x.query.EIO,
		Cookie:   x.cookie,
		Key:      x.key,
		ClientIP: x.client,
		Passive:  x.safe && x.method != "GET",
		Opens:    x.opens,
		Upgrade:  x.upgrade,
	}
}
