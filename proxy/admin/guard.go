package admin

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// objection says why a well-formed request is not answered; "": it is.
func (s *Server) objection(ctx *fasthttp.RequestCtx) (status int, why string) {
	switch {
	case len(ctx.Request.Header.PeekAll(fasthttp.HeaderOrigin)) > 0:
		return fasthttp.StatusForbidden, "requests from web pages (with an Origin) are not answered here"
	case !s.answersTo(string(ctx.Request.Header.Host())):
		return fasthttp.StatusForbidden, "Host " + strconv.Quote(string(ctx.Request.Header.Host())) +
			": want an IP address, localhost, or the name that the admin listener was given"
	case !ctx.IsGet() && !ctx.IsHead():
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
		return fasthttp.StatusMethodNotAllowed, "want GET or HEAD"
	}
	return 0, ""
}

// answersTo reports whether a request for that Host can be meant for this listener. Addresses are safe, since only a name
// can be made to point elsewhere; no Host at all is what HTTP/1.0 probes send, and browsers never.
func (s *Server) answersTo(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return host == "" || strings.EqualFold(name, "localhost") || s.cfg.Host != "" && strings.EqualFold(name, s.cfg.Host)
}

// refuseUnread answers what could not be read as a request.
func refuseUnread(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.As(err, &small):
		fail(ctx, fasthttp.StatusRequestHeaderFieldsTooLarge, "the request's head is too long")
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		fail(ctx, fasthttp.StatusRequestEntityTooLarge, "the request's body is too long")
	case errors.As(err, &network) && network.Timeout():
		fail(ctx, fasthttp.StatusRequestTimeout, "the request did not arrive in time")
	default:
		fail(ctx, fasthttp.StatusBadRequest, "this is not an HTTP request")
	}
}
