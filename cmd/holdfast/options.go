package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-proxy/holdfast/healthcheck"
	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/discovery"
)

// options is the command line, understood: what each package is to be built with.
type options struct {
	listen   []string
	backends []routing.BackendConfig
	sources  []discovery.Source // where more backends are listed
	pool     routing.PoolConfig
	sessions routing.SessionsConfig
	router   routing.Config
	proxy    proxy.Config
	health   healthcheck.Config
	checks   string // engineio, http, tcp or off
	ask      healthcheck.Request
	statuses []int // that an http check takes for well; none: the usual ones

	tlsCert, tlsKey string
	backendCA       string // PEM file for https backends; "": the system's
	backendName     string // on their certificates; "": the host of their URL
	shutdownDelay   time.Duration
	shutdown        time.Duration
	handover        string // where the next holdfast takes over from this one; "": nowhere
	admin           string // where the admin listener is; "": there is none
	logFormat       string
	logLevel        slog.Level
}

// readOptions understands the flags, or names the first that is wrong.
func readOptions(c *cli.Context) (options, error) {
	if c.Args().Present() {
		return options{}, &usageError{"unexpected argument " + strconv.Quote(c.Args().First()) + "; see holdfast --help"}
	}
	v := &values{c: c}
	var o options
	o.listen = v.list("listen")
	o.readBackends(v)
	o.readSources(v)
	o.readPinning(v)
	o.readBalancing(v)
	o.readHealth(v)
	o.readTimeouts(v)
	o.readLimits(v)
	o.readHandshakes(v)
	o.readEdge(v)
	o.readShutdown(v)
	o.readDrain(v)
	o.readAdmin(v)
	o.proxy.AccessLog = v.boolean("access-log")
	o.logFormat = v.oneOf("log-format", "text", "json")
	o.readLogLevel(v)
	return o, v.err
}

// maxSocketPath leaves room for a temporary suffix in the 104 bytes that the smallest of the systems has for a path.
const maxSocketPath = 90

func (o *options) readShutdown(v *values) {
	o.shutdownDelay = v.duration("shutdown-delay")
	o.shutdown = v.duration("shutdown-timeout")
	o.handover = v.text("handover")
	if o.handover != "" && (!strings.HasPrefix(o.handover, "/") || len(o.handover) > maxSocketPath) {
		v.fail(wrong("handover", o.handover, fmt.Sprintf("a path of at most %d bytes that begins with /", maxSocketPath)))
	}
}

func (o *options) readBackends(v *values) {
	o.backendCA, o.backendName = v.text("backend-ca"), v.text("backend-tls-name")
	list := v.list("backend")
	if len(list)+len(v.list("discover")) == 0 {
		v.fail(&usageError{"--backend: want at least one, such as --backend http://127.0.0.1:3000, or --discover"})
	}
	for _, text := range list {
		b, err := discovery.ParseBackend(text)
		if err != nil {
			v.fail(&usageError{fmt.Sprintf("--backend %q: %v", text, err)})
			return
		}
		o.backends = append(o.backends, b)
	}
}

func (o *options) readPinning(v *values) {
	o.readAffinity(v)
	o.pool.Secret = []byte(v.text("secret"))
	o.sessions.Limit = v.count("session-limit", 1)
	o.proxy.SIDTag = v.boolean("sid-tag")
	o.router.SIDTag = o.proxy.SIDTag
	o.proxy.NoSeek = !v.boolean("seek")
	o.router.CookieFollows = o.proxy.NoSeek
	o.proxy.SeekRate = v.count("seek-rate", 1)
	if o.proxy.SeekRate > 1_000_000 {
		v.fail(wrong("seek-rate", v.text("seek-rate"), "a whole number from 1 to 1000000"))
	}
	k := &o.proxy.Cookie
	k.SameSite = map[string]http.SameSite{
		"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
	}[v.oneOf("cookie-samesite", "lax", "strict", "none")]
	k.Secure = v.boolean("cookie-secure")
	k.Partitioned = v.boolean("cookie-partitioned")
	k.MaxAge = v.duration("cookie-max-age")
	name := v.text("cookie-name")
	switch {
	case !isToken(name) || name == "io":
		v.fail(wrong("cookie-name", name, "a cookie name other than io, which Engine.IO's servers set themselves"))
	case k.SameSite == http.SameSiteNoneMode && !k.Secure:
		v.fail(wrong("cookie-samesite", "none", "--cookie-secure=true as well, browsers drop the cookie without it"))
	case k.Partitioned && !k.Secure:
		v.fail(wrong("cookie-partitioned", "true", "--cookie-secure=true as well, browsers drop the cookie without it"))
	}
	if o.pinsByCookie() {
		k.Name = name
	}
}

func (o *options) pinsByCookie() bool {
	for _, a := range o.router.Affinity {
		if a == routing.AffinityCookie {
			return true
		}
	}
	return false
}

// readAffinity reads the list of what pins a client; query:NAME and header:NAME say where its key stands.
func (o *options) readAffinity(v *values) {
	text := v.text("affinity")
	for _, item := range strings.Split(text, ",") {
		kind, name, named := strings.Cut(strings.TrimSpace(item), ":")
		key := o.proxy.KeyQuery != "" || o.proxy.KeyHeader != ""
		switch {
		case kind == "sid" && !named:
			o.router.Affinity = append(o.router.Affinity, routing.AffinitySID)
		case kind == "cookie" && !named:
			o.router.Affinity = append(o.router.Affinity, routing.AffinityCookie)
		case kind == "ip" && !named:
			o.router.Affinity = append(o.router.Affinity, routing.AffinityIP)
		case kind == "query" && name != "" && !key:
			o.proxy.KeyQuery = name
			o.router.Affinity = append(o.router.Affinity, routing.AffinityKey)
		case kind == "header" && isToken(name) && !key:
			o.proxy.KeyHeader = name
			o.router.Affinity = append(o.router.Affinity, routing.AffinityKey)
		default:
			v.fail(wrong("affinity", text, "a comma-separated list of sid, cookie, ip and one of query:NAME or header:NAME"))
			return
		}
	}
}

func (o *options) readBalancing(v *values) {
	o.router.Balance = map[string]routing.Balance{
		"least-sessions": routing.LeastSessions, "round-robin": routing.RoundRobin,
		"random": routing.Random, "hash": routing.Hash,
	}[v.oneOf("balance", "least-sessions", "round-robin", "random", "hash")]
	text := v.text("balance-factor")
	factor, err := strconv.ParseFloat(text, 64)
	if err != nil || !(factor > 1 && factor <= 1000) {
		v.fail(wrong("balance-factor", text, "a number above 1, such as 1.25"))
	}
	o.router.BalanceFactor = factor
}

func (o *options) readHealth(v *values) {
	o.readChecks(v)
	o.readFleet(v)
	o.health.Interval = v.positive("health-interval")
	o.health.Timeout = v.positive("health-timeout")
	o.health.Rise = v.count("health-rise", 1)
	o.health.Fall = v.count("health-fall", 1)
	o.readEjection(v)
}

func (o *options) readEjection(v *values) {
	o.health.MaxFails = v.count("max-fails", 0)
	switch o.health.MaxFails {
	case 0:
		o.health.MaxFails = -1
	case 1:
		v.fail(wrong("max-fails", "1", "0 for never, or at least 2, since one client could provoke a single one"))
	}
	o.health.FailTimeout = v.positive("fail-timeout")
	o.health.MaxEjectionPercent = v.count("max-ejection-percent", 1)
	if o.health.MaxEjectionPercent > 100 {
		v.fail(wrong("max-ejection-percent", v.text("max-ejection-percent"), "1 to 100"))
	}
}

func (o *options) readTimeouts(v *values) {
	p := &o.proxy
	p.ConnectTimeout = v.positive("connect-timeout")
	p.HeaderTimeout = v.positive("header-timeout")
	p.BodyTimeout = v.positive("body-timeout")
	p.IdleTimeout = v.positive("idle-timeout")
	p.PollTimeout = v.orAuto("poll-timeout")
	p.TunnelTimeout = v.orAuto("tunnel-timeout")
}

func (o *options) readLimits(v *values) {
	p := &o.proxy
	p.EngineIOPaths = v.list("engineio-path")
	for _, path := range p.EngineIOPaths {
		if !strings.HasPrefix(path, "/") {
			v.fail(wrong("engineio-path", path, "a path that begins with /"))
		}
	}
	p.MaxConnections = v.count("max-connections", 1)
	p.MaxConnectionsPerIP = v.count("max-connections-per-ip", 0)
	p.MaxHeaderBytes = int(v.size("max-header-bytes", 1<<10, 1<<20))
	p.MaxBodyBytes = v.size("max-body-bytes", 1, 1<<50)
	if text := v.text("source-address"); text != "" {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			v.fail(wrong("source-address", text, "an IP address of this machine"))
		}
		p.SourceAddress = addr
	}
}

func (o *options) readEdge(v *values) {
	text := v.text("trusted-proxies")
	for _, item := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if item == "unix:" {
			o.proxy.TrustUnix = true
			continue
		}
		prefix, ok := parsePrefix(item)
		if !ok {
			v.fail(wrong("trusted-proxies", text, "comma-separated addresses, networks such as 10.0.0.0/8, or unix: for those on unix sockets"))
			return
		}
		o.proxy.TrustedProxies = append(o.proxy.TrustedProxies, prefix)
	}
	o.proxy.ProxyProtocol = v.boolean("proxy-protocol")
	if o.proxy.ProxyProtocol && len(o.proxy.TrustedProxies) == 0 && !o.proxy.TrustUnix {
		v.fail(wrong("proxy-protocol", "true", "--trusted-proxies as well, to say whose headers to believe"))
	}
	o.tlsCert, o.tlsKey = v.text("tls-cert"), v.text("tls-key")
	switch {
	case o.tlsCert != "" && o.tlsKey == "":
		v.fail(wrong("tls-cert", o.tlsCert, "--tls-key as well"))
	case o.tlsKey != "" && o.tlsCert == "":
		v.fail(wrong("tls-key", o.tlsKey, "--tls-cert as well"))
	}
}

func parsePrefix(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil
}

func (o *options) readLogLevel(v *values) {
	text := v.oneOf("log-level", "debug", "info", "warn", "error")
	o.logLevel.UnmarshalText([]byte(text))
}
