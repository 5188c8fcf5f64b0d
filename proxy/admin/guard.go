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
	host := string(ctx.Request.Header.Host())
	switch {
	case !s.answersTo(host):
		return fasthttp.StatusForbidden, "Host " + strconv.Quote(host) +
			": want an IP address, localhost, or the name that the admin listener was given"
	case !ownOrigin(ctx, host):
		return fasthttp.StatusForbidden, "requests from web pages of another Origin are not answered here"
	case ctx.IsPost() && !ownSite(ctx):
		return fasthttp.StatusForbidden, "orders from web pages of another site (Sec-Fetch-Site) are not taken here"
	}
	return 0, ""
}

// ownOrigin reports whether the request comes from no web page, or from one of this very listener: the Origin's host and
// port are those of the Host that the browser has asked for. That is compared with this request's Host and no other, since
// any IP address is an acceptable Host, also the one that a foreign page was loaded from. Browsers send an Origin with
// every POST.
func ownOrigin(ctx *fasthttp.RequestCtx, host string) bool {
	given := ctx.Request.Header.PeekAll(fasthttp.HeaderOrigin)
	if len(given) == 0 {
		return true
	}
	scheme, authority, found := strings.Cut(string(given[0]), "://")
	return len(given) == 1 && found && (scheme == "http" || scheme == "https") && authority != "" && strings.EqualFold(authority, host)
}

// ownSite reports whether the browser, if it is one, says that one of our own pages or its user has sent the request.
func ownSite(ctx *fasthttp.RequestCtx) bool {
	switch string(ctx.Request.Header.Peek("Sec-Fetch-Site")) {
	case "", "same-origin", "none":
		return true
	}
	return false
}

func refuseMethod(ctx *fasthttp.RequestCtx, allowed, why string) {
	ctx.Response.Header.Set(fasthttp.HeaderAllow, allowed)
	fail(ctx, fasthttp.StatusMethodNotAllowed, why)
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
