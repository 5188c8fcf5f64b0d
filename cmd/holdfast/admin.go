package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-proxy/holdfast/proxy/admin"
)

// defaultAdmin is where the admin listener is, and where status and explain look for it.
const defaultAdmin = "127.0.0.1:9900"

// openAdmin opens the admin listener, and puts what serves it until a context is done among the entrances; that does
// nothing if there is to be none.
func (h *holdfast) openAdmin(e *entrances) error {
	e.serveAdmin = func(context.Context) {}
	addr := h.options.admin
	if addr == "" {
		return nil
	}
	host, _, _ := net.SplitHostPort(addr)
	server, err := admin.New(admin.Config{
		Pool: h.pool, Sessions: h.options.router.Sessions, Proxy: h.proxy, SIDTag: h.options.proxy.SIDTag,
		Health: h.health, Sources: h.sources, Host: host, Version: version(), Logger: h.log,
	})
	if err != nil {
		return err
	}
	ln, err := h.listenAs(e, adminSocket, addr)
	if err != nil {
		return fmt.Errorf(`--admin %q: %w (give another address, or --admin "" for no admin listener)`, addr, err)
	}
	h.log.Info("admin listening", "addr", ln.Addr().String())
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		h.log.Warn("--admin: whoever reaches this address can read addresses of backends and sessions, and drain backends", "addr", tcp.String())
	}
	e.serveAdmin = func(ctx context.Context) { server.Run(ctx, ln) }
	return nil
}

// health is what the checker says of each backend, by ID.
func (h *holdfast) health() map[string]admin.Health {
	if h.checker == nil {
		return nil
	}
	all := map[string]admin.Health{}
	for _, s := range h.checker.States() {
		of := admin.Health{Status: s.Status.String(), Since: s.Since.UTC().Truncate(time.Second), Panic: s.Panic}
		if s.Err != nil {
			of.Reason = s.Err.Error()
		}
		all[s.Target.ID] = of
	}
	return all
}

func (o *options) readAdmin(v *values) {
	o.admin = v.text("admin")
	if o.admin != "" && !isAdminAddress(o.admin) {
		v.fail(wrong("admin", o.admin, "HOST:PORT, unix:/PATH, or nothing at all for no admin listener"))
	}
}

// isAdminAddress says that text is HOST:PORT with a number for a port, or unix:/PATH.
func isAdminAddress(text string) bool {
	if path, found := strings.CutPrefix(text, "unix:"); found {
		return strings.HasPrefix(path, "/")
	}
	_, port, err := net.SplitHostPort(text)
	_, notNumber := strconv.ParseUint(port, 10, 16)
	return err == nil && notNumber == nil
}

// askingFlags are those of the subcommands that ask a running holdfast.
func askingFlags() []cli.Flag {
	return []cli.Flag{
		flag(running, "admin", "ADDR", defaultAdmin, "where the running holdfast has its admin listener"),
		&cli.BoolFlag{Category: running, Name: "json", Usage: "`` print the answer as it is, in JSON"},
	}
}

// ask puts a question to the running holdfast that --admin names, and fills answer. done says that --json has had the
// answer printed already.
func ask(c *cli.Context, path string, answer any) (done bool, err error) {
	body, err := request(c, http.MethodGet, path, answer)
	if done = c.Bool("json"); done {
		c.App.Writer.Write(body)
	}
	return done, err
}

// request makes a request of the running holdfast that --admin names, and fills answer. body is what was answered, also
// where that is a failure, which is the error then.
func request(c *cli.Context, method, path string, answer any) (body []byte, err error) {
	addr := c.String("admin")
	if !isAdminAddress(addr) {
		return nil, wrong("admin", addr, "HOST:PORT or unix:/PATH of a running holdfast's admin listener")
	}
	status, body, err := fetch(c.Context, addr, method, path)
	if err != nil {
		return nil, fmt.Errorf("--admin %q: no holdfast answers there: %w", addr, err)
	}
	var failure struct{ Error string }
	if status != http.StatusOK && (json.Unmarshal(body, &failure) != nil || failure.Error == "") {
		return nil, fmt.Errorf("--admin %q: it is not holdfast's admin listener that answers there (status %d)", addr, status)
	}
	if failure.Error != "" {
		return body, errors.New(failure.Error)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return body, fmt.Errorf("--admin %q: it is not holdfast's admin listener that answers there: %w", addr, err)
	}
	return body, nil
}

// fetch makes a request of the admin listener at addr. It asks for localhost, which every admin listener answers to.
func fetch(ctx context.Context, addr, method, path string) (status int, body []byte, err error) {
	network, address := "tcp", addr
	if socket, found := strings.CutPrefix(addr, "unix:"); found {
		network, address = "unix", socket
	}
	client := http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			},
		},
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := client.Do(req)
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return 0, nil, wrapped.Err // without the URL, which is not where we have asked
	} else if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	return resp.StatusCode, body, err
}

// printable keeps what comes from elsewhere from doing things to a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
