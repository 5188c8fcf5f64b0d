package proxy

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/routing"
)

// Config is what a proxy is built from. The zero value of every field but the first three is usable and means the
// default named with it.
type Config struct {
	Pool     *routing.Pool     // whose backends are dialled; required
	Router   *routing.Router   // who chooses among them; required
	Sessions *routing.Sessions // where sids are learned; required

	// EngineIOPaths are the path prefixes under which requests are Engine.IO's. None: any request whose query has EIO.
	EngineIOPaths []string
	// KeyQuery or KeyHeader name the query parameter or header whose value is a request's affinity key. "": none.
	KeyQuery, KeyHeader string
	// Cookie is the affinity cookie; the zero value sets none and reads none.
	Cookie Cookie
	// NoSeek turns off the search for sids that are not known here; such requests are answered 400 code 1.
	NoSeek bool
	// SeekRate is how many searches may begin in a second; those of different clients take turns. 0: 1,000.
	SeekRate int
	// SIDTag says that the router takes tags, so that handshakes leave with one.
	SIDTag bool

	// TrustedProxies are the peers whose X-Forwarded-* fields are believed. None: nobody's.
	TrustedProxies []netip.Prefix
	// TrustUnix has those that connect to a unix socket count as trusted proxies.
	TrustUnix bool
	// ProxyProtocol has connections from TrustedProxies begin with a PROXY header, version 1 or 2, that names the client.
	// Everybody else's are served as they are, so that nobody else can give himself another address.
	ProxyProtocol bool
	// TLS serves clients over TLS. nil: in the clear. Its NextProtos should be http/1.1 alone.
	TLS *tls.Config
	// BackendTLS is how backends with https URLs are spoken to; a ServerName in it is expected of each of them. nil: with
	// the system's roots, and the host of the URL. Renegotiation is refused whatever it says.
	BackendTLS *tls.Config
	// SourceAddress is the local address that backends are dialled from. Zero: the system chooses.
	SourceAddress netip.Addr

	ConnectTimeout time.Duration // for dialling a backend, TLS included; 0: 3 s
	HeaderTimeout  time.Duration // for a request's whole head from its first byte; 0: 5 s
	BodyTimeout    time.Duration // for any progress of a request's body, or of a client's reading (over TLS: of 64 KiB of it); 0: 30 s
	IdleTimeout    time.Duration // for the next request, and between two parts of a reply; 0: 75 s
	PollTimeout    time.Duration // for a reply to begin; 0: from the session's handshake, 120 s where that is unknown
	TunnelTimeout  time.Duration // for a silent tunnel; 0: from the session's handshake, 1 h where that is unknown

	// DrainTimeout is how long the sessions of a draining backend may stay before they are closed. 0: 5 minutes; negative:
	// for ever, unless CloseNow is called.
	DrainTimeout time.Duration
	// DrainRate is how many sessions are closed in a second then, of all draining backends together. 0: 50.
	DrainRate int

	MaxConnections int // clients at a time, tunnels included; 0: 100,000
	// MaxConnectionsPerIP bounds the clients at a time from one address (a /64 for IPv6), trusted proxies excepted. 0: no
	// bound, since offices and CDNs have one address for many.
	MaxConnectionsPerIP int
	MaxHeaderBytes      int   // a request's or reply's head; 0: 16 KiB
	MaxBodyBytes        int64 // a request's body; 0: 100 MiB

	// Loops is how many event loops may carry connections; all but the first only while those before them are nearly
	// saturated. 0: as many as the runtime has processors. Negative: none; goroutines carry everything, as they do on systems
	// without epoll.
	Loops int
	// KeepProcessor lets the first loop keep one of the runtime's processors (GOMAXPROCS) to itself, which takes less CPU
	// time for each request and message. Others then have one less, so that there should be one more than the machine has.
	KeepProcessor bool

	// HandshakeRate bounds how many sessions clients may open in a second at each backend, and HandshakeRateTotal at all
	// together. 0: no bound. Requests of live sessions are not bounded.
	HandshakeRate, HandshakeRateTotal int
	// HandshakeBurst is how many of each rate may come at once after a quiet time. 0: a second's worth.
	HandshakeBurst int
	// HandshakeWait is how long a request that opens a session may wait for its turn, or for a place where every backend
	// is at its MaxSessions. 0: 10 s; below: not at all.
	HandshakeWait time.Duration
	// HandshakeQueue is how many may wait. 0: 10,000.
	HandshakeQueue int

	// OnOutcome is told how each attempt at a backend ended, for the client at that address; it must not block. nil:
	// nobody is.
	OnOutcome func(b *routing.Backend, o Outcome, client netip.Addr)
	// AccessLog has every request logged, and the end of every tunnel.
	AccessLog bool
	// Logger takes one line per event, never per request but for AccessLog. nil: nothing is logged.
	Logger *slog.Logger

	heads      http1.Limits
	drainGrace time.Duration
}

// Cookie says how the affinity cookie is set. Its value is an opaque token of the backend, never an address.
type Cookie struct {
	Name        string        // "": no cookie is set or read; never "io", which Engine.IO's own servers set
	SameSite    http.SameSite // zero: Lax
	Secure      bool
	Partitioned bool          // needs Secure
	MaxAge      time.Duration // 0: until the browser ends
}

// Outcome is how an attempt at a backend ended, as a health checker wants to know it.
type Outcome uint8

const (
	Served      Outcome = iota // a well-formed reply
	BadReply                   // a gateway's status (502, 503, 504), a malformed reply, or none in time
	DialRefused                // nobody listens there, or no route leads there
	DialTimeout                // nobody answered the dial in time
	Reset                      // the connection died during the exchange: one request's loss, which a client can provoke
	OwnError                   // this process is out of descriptors, ports or memory: nothing is said of the backend
)

const (
	maxRate       = 1_000_000         // a second, of whatever
	sweepSessions = 100_000           // sessions looked at per sweep at most
	lingerTime    = time.Second       // how long a refused client's remaining bytes are read
	lingerBytes   = 256 << 10         // and how many of them
	unknownPoll   = 120 * time.Second // a poll whose session's times are not known
	unknownTunnel = time.Hour
	pollGrace     = 10 * time.Second // beyond the session's own times, which the backend is to enforce first
	buriedFor     = 30 * time.Second // how long the sid of a session that was ended here is refused here
)

// complete checks the fields and puts in the defaults.
func (c *Config) complete() error {
	if err := c.check(); err != nil {
		return err
	}
	setDefault(&c.ConnectTimeout, 3*time.Second)
	setDefault(&c.HeaderTimeout, 5*time.Second)
	setDefault(&c.BodyTimeout, 30*time.Second)
	setDefault(&c.IdleTimeout, 75*time.Second)
	setDefault(&c.MaxConnections, 100_000)
	setDefault(&c.MaxHeaderBytes, 16<<10)
	setDefault(&c.MaxBodyBytes, 100<<20)
	setDefault(&c.SeekRate, 1000)
	setDefault(&c.HandshakeWait, 10*time.Second)
	setDefault(&c.HandshakeQueue, 10_000)
	setDefault(&c.DrainTimeout, 5*time.Minute)
	setDefault(&c.DrainRate, 50)
	setDefault(&c.drainGrace, 10*time.Second)
	setDefault(&c.Loops, runtime.GOMAXPROCS(0))
	setDefault(&c.Cookie.SameSite, http.SameSiteLaxMode)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.heads = http1.Limits{HeadBytes: c.MaxHeaderBytes, BodyBytes: c.MaxBodyBytes}
	return nil
}

func (c *Config) check() error {
	switch {
	case c.Pool == nil || c.Router == nil || c.Sessions == nil:
		return fmt.Errorf("proxy: Config needs Pool, Router and Sessions")
	case c.Cookie.Name == "io":
		return fmt.Errorf(`proxy: Cookie.Name "io": want another name, Engine.IO servers set that one themselves`)
	case c.Cookie.Partitioned && !c.Cookie.Secure:
		return fmt.Errorf("proxy: Cookie.Partitioned: want Secure as well, browsers ignore the one without the other")
	case c.MaxConnectionsPerIP < 0:
		return fmt.Errorf("proxy: MaxConnectionsPerIP %d: want 0 for no bound, or more", c.MaxConnectionsPerIP)
	case c.DrainRate < 0:
		return fmt.Errorf("proxy: DrainRate %d: want 0 for 50, or more", c.DrainRate)
	case c.SeekRate < 0 || c.SeekRate > maxRate:
		return fmt.Errorf("proxy: SeekRate %d: want 0 to 1,000,000", c.SeekRate)
	case c.HandshakeRate < 0 || c.HandshakeRate > maxRate || c.HandshakeRateTotal < 0 || c.HandshakeRateTotal > maxRate:
		return fmt.Errorf("proxy: HandshakeRate %d, HandshakeRateTotal %d: want 0 to 1,000,000", c.HandshakeRate, c.HandshakeRateTotal)
	case c.HandshakeBurst < 0 || c.HandshakeQueue < 0:
		return fmt.Errorf("proxy: HandshakeBurst %d, HandshakeQueue %d: want 0 for the default, or more", c.HandshakeBurst, c.HandshakeQueue)
	case strings.ContainsAny(c.Cookie.Name, "=;, \t\r\n"):
		return fmt.Errorf("proxy: Cookie.Name %q: want a token", c.Cookie.Name)
	case c.ProxyProtocol && len(c.TrustedProxies) == 0 && !c.TrustUnix:
		return fmt.Errorf("proxy: ProxyProtocol: want TrustedProxies as well, whose headers to believe")
	case c.KeyQuery != "" && c.KeyHeader != "":
		return fmt.Errorf("proxy: KeyQuery %q and KeyHeader %q: want one of them", c.KeyQuery, c.KeyHeader)
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c *Config) sourceAddr() net.Addr {
	if !c.SourceAddress.IsValid() {
		return nil
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.SourceAddress, 0))
}

// backendTLS is how a backend of that host is spoken to.
func (c *Config) backendTLS(host string) *tls.Config {
	to := c.BackendTLS.Clone()
	if to == nil {
		to = &tls.Config{}
	}
	setDefault(&to.ServerName, host)
	to.NextProtos = []string{"http/1.1"}
	to.Renegotiation = tls.RenegotiateNever // in the middle of a read, it would have to wait
	return to
}
