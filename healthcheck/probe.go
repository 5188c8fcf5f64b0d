package healthcheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Probe is how a backend is asked: EngineIO, HTTP, TCP, or one's own as a
// ProbeFunc. One Probe is used for all targets, at the same time.
type Probe interface {
	// Ask asks the backend at url once (the forms are those of Target.URL) and
	// returns nil if it is well. It must end when ctx does.
	Ask(ctx context.Context, url string) error
}

// ProbeFunc is a function that is a Probe.
type ProbeFunc func(ctx context.Context, url string) error

// Ask implements Probe.
func (f ProbeFunc) Ask(ctx context.Context, url string) error { return f(ctx, url) }

// TCP returns a probe that only connects, whatever the URL's scheme. It finds
// dead processes, not frozen ones: for those the kernel goes on accepting.
func TCP() Probe { return &question{} }

// HTTP returns a probe that sends GET r.Path ("" = "/") and wants one of the
// statuses in expect; none given means any from 200 to 399. Redirects are
// not followed, and the body is not read.
func HTTP(r Request, expect ...int) Probe {
	target := orElse(r.Path, "/")
	wanted := func(status int) bool { return 200 <= status && status <= 399 }
	want := "200 to 399"
	if len(expect) > 0 {
		expect = slices.Clone(expect)
		wanted = func(status int) bool { return slices.Contains(expect, status) }
		want = strings.Trim(fmt.Sprint(expect), "[]")
	}
	judge := func(got reply) error {
		if !wanted(got.status) {
			return fmt.Errorf("status %d: want %s", got.status, want)
		}
		return nil
	}
	return &question{Request: r, body: headOnly, pose: func() (string, judgement) { return target, judge }}
}

// address is where a URL says a backend listens.
type address struct {
	network string // tcp or unix
	addr    string
	host    string // as a Host field has it
	name    string // the certificate's name; "" for unix
	tls     bool
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

func parseAddress(raw string) (address, error) {
	if file, ok := strings.CutPrefix(raw, "unix:"); ok {
		file = strings.TrimPrefix(file, "//")
		if !path.IsAbs(file) {
			return address{}, fmt.Errorf("backend URL %q: want unix:/path/to.sock", raw)
		}
		return address{network: "unix", addr: file, host: "localhost"}, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || strings.ContainsAny(u.Hostname(), "[]") || defaultPorts[u.Scheme] == "" {
		return address{}, fmt.Errorf("backend URL %q: want http://host:port, https://host:port or unix:/path/to.sock", raw)
	}
	port := orElse(u.Port(), defaultPorts[u.Scheme])
	return address{
		network: "tcp",
		addr:    net.JoinHostPort(u.Hostname(), port),
		host:    u.Host,
		name:    u.Hostname(),
		tls:     u.Scheme == "https",
	}, nil
}

func (a address) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1} // a check is over before TCP would probe
	return d.DialContext(ctx, a.network, a.addr)
}

// dialFailed says of an error that it was the dial's, in the words of package net.
func (a address) dialFailed(err error) error {
	return fmt.Errorf("dial %s %s: %w", a.network, a.addr, err)
}

// secure speaks TLS on conn, where a says so. The caller still owns conn.
func (a address) secure(ctx context.Context, conn net.Conn, cfg *tls.Config) (net.Conn, error) {
	if !a.tls {
		return conn, nil
	}
	if cfg = cfg.Clone(); cfg == nil {
		cfg = &tls.Config{}
	}
	cfg.ServerName = orElse(cfg.ServerName, a.name)
	secured := tls.Client(conn, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS handshake with %s: %w", a.addr, err)
	}
	return secured, nil
}

// boundBy makes every read and write on conn end with ctx. The function it
// returns is to be called once, and leaves no goroutine behind.
func boundBy(ctx context.Context, conn net.Conn) (release func()) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // an error here is that of the next read
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = conn.SetDeadline(time.Unix(1, 0)) // long past: wakes whoever reads
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// isOwnError tells whether a check failed for want of something here: it then
// says nothing about the backend. A name server that does not answer is among
// them, for its silence must not end every session there is.
func isOwnError(err error) bool {
	for _, own := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM,
	} {
		if errors.Is(err, own) {
			return true
		}
	}
	var lookup *net.DNSError
	return errors.As(err, &lookup) && !lookup.IsNotFound
}

// isRefusal tells whether nothing listens at the address: the dial was refused,
// the socket's file is gone, or its name is.
func isRefusal(err error) bool {
	var lookup *net.DNSError
	return errors.Is(err, syscall.ECONNREFUSED) ||
		errors.Is(err, fs.ErrNotExist) ||
		errors.As(err, &lookup) && lookup.IsNotFound
}
