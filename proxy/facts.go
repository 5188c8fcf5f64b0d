package proxy

import (
	"strings"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// facts are what this proxy decides on, read once from a request's head; they outlive the head's bytes.
type facts struct {
	from  forwarding     // its chain, proto and host alias the head
	query engineio.Query // zero unless the request is Engine.IO's

	upgrade    bool   // it asks for a WebSocket
	leaves     bool   // it is a session's last: its body ends with a close packet
	opens      bool   // it opens a session: Engine.IO without a sid, other than a preflight
	head       bool   // HEAD: the reply has no body
	method     string // GET, POST, HEAD or OPTIONS, "" for any other
	safe       bool   // by its method: GET, HEAD or OPTIONS
	takesClose bool   // the client understands the close packet as an end that it may return from
	origin     []byte // for the CORS fields of a refusal; a copy
	cookie     string // the affinity cookie's value
	key        string // the affinity key's value
}

// identify reads the facts of the request's head and refuses what cannot be told apart safely.
func (x *exchange) identify() *http1.Error {
	cfg := &x.c.p.cfg
	x.noteRequest()
	x.from = forwardedFrom(x.c.peer, x.req.Fields, cfg.trusts)
	x.method = methodName(x.req.Method)
	x.head = x.method == "HEAD"
	x.safe = x.method == "GET" || x.head || x.method == "OPTIONS"
	x.upgrade = x.req.Upgrade
	x.closing = !x.req.KeepAlive
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
	err := x.c.query.Parse(x.req.Target)
	x.query = x.c.query
	engineIO := x.query.HasEIO
	if paths := x.c.p.cfg.EngineIOPaths; len(paths) > 0 {
		engineIO = hasAnyPrefix(x.req.Target, paths)
	}
	if !engineIO {
		x.query = engineio.Query{}
		return nil
	}
	if err != nil {
		return &http1.Error{Status: 400, Line: err.Error(), Close: !x.req.Body.Done()}
	}
	x.opens = x.query.SID == "" && x.method == "GET" && (x.query.HasEIO || x.query.Transport != "")
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
		ClientIP: x.from.client,
		Passive:  x.safe && x.method != "GET",
		Opens:    x.opens,
		Upgrade:  x.upgrade,
	}
}
