package admin

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-proxy/holdfast/routing"
)

// cutOrder finds the backend's ID, still encoded, and what is to be done with it in the path of an order.
func cutOrder(path string) (id, order string, ok bool) {
	rest, found := strings.CutPrefix(path, "/backends/")
	at := strings.LastIndexByte(rest, '/')
	if !found || at < 1 || rest[at+1:] != "drain" && rest[at+1:] != "undrain" {
		return "", "", false
	}
	return rest[:at], rest[at+1:], true
}

// answerOrder drains a backend, or calls its drain off, and answers with the backend as it is then.
func (s *Server) answerOrder(ctx *fasthttp.RequestCtx, encoded, order, query string) {
	if !ctx.IsPost() {
		refuseMethod(ctx, "POST", "want POST")
		return
	}
	now, err := readNow(query)
	if err != nil || now && order == "undrain" {
		fail(ctx, fasthttp.StatusBadRequest, "query "+strconv.Quote(query)+": want now=true or now=false, for drain, or nothing")
		return
	}
	id, err := url.PathUnescape(encoded)
	if err != nil {
		fail(ctx, fasthttp.StatusBadRequest, "want /backends/ID/"+order+" with a percent-encoded ID")
		return
	}
	b := s.cfg.Pool.Snapshot().ByID(id)
	if b == nil {
		fail(ctx, fasthttp.StatusNotFound, s.unknownBackend(id))
		return
	}
	if order == "drain" {
		s.drain(b, now)
	} else if why := s.undrain(b); why != "" {
		fail(ctx, fasthttp.StatusConflict, why)
		return
	}
	reply(ctx, fasthttp.StatusOK, s.describe(b))
}

// readNow reads the query of an order. One that is not understood is refused: it may be a misspelt wish.
func readNow(query string) (bool, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return false, err
	}
	given, ok := values["now"]
	switch {
	case len(values) == 0:
		return false, nil
	case !ok || len(values) > 1 || len(given) > 1:
		return false, fmt.Errorf("want now alone")
	}
	return strconv.ParseBool(given[0])
}

func (s *Server) drain(b *routing.Backend, now bool) {
	s.cfg.Pool.Drain(b.ID(), true)
	if now {
		s.cfg.Proxy.CloseNow(b)
	}
}

// undrain calls a drain off, or says why that is in vain.
func (s *Server) undrain(b *routing.Backend) (why string) {
	if b.State() == routing.Up || b.State() == routing.Ejected {
		return fmt.Sprintf("backend %q is not draining, it is %v", b.ID(), b.State())
	}
	s.cfg.Pool.Drain(b.ID(), false)
	if b.State() == routing.Draining {
		return fmt.Sprintf("backend %q drains because it is no longer configured: list it again", b.ID())
	}
	return ""
}

// unknownBackend names those that there are, up to a few.
func (s *Server) unknownBackend(id string) string {
	const most = 10
	var ids []string
	for _, b := range s.cfg.Pool.Snapshot().Backends() {
		ids = append(ids, b.ID())
	}
	others := ""
	if len(ids) > most {
		others = fmt.Sprintf(" or one of %d others", len(ids)-most)
		ids = ids[:most]
	}
	return fmt.Sprintf("there is no backend %q: want %s%s", id, strings.Join(ids, ", "), others)
}
