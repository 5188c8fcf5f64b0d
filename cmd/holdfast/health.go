package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

// readChecks reads what a check asks for, and what it wants.
func (o *options) readChecks(v *values) {
	o.checks = v.oneOf("health-check", "engineio", "http", "tcp", "off")
	if path := v.text("health-path"); path != "auto" {
		o.ask.Path = path
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?# ") {
			v.fail(wrong("health-path", path, "auto, or a path that begins with /, without a query"))
		}
	}
	if host := v.text("health-host"); host != "auto" {
		o.ask.Host = host
		if !isHost(host) {
			v.fail(wrong("health-host", host, "auto, or HOST or HOST:PORT for the checks' Host field"))
		}
	}
	o.readStatuses(v)
}

// isHost says that text can stand in a Host field (RFC 9110 section 7.2).
func isHost(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\?#@,"<>`, r) })
}

// readStatuses reads which statuses mean well.
func (o *options) readStatuses(v *values) {
	text := v.text("health-status")
	if text == "auto" {
		return
	}
	if o.checks != "http" {
		v.fail(wrong("health-status", text, "--health-check http as well, other checks have no statuses to choose"))
	}
	for _, item := range strings.Split(text, ",") {
		status, err := strconv.Atoi(item)
		if err != nil || status < 200 || status > 599 {
			v.fail(wrong("health-status", text, "auto, or comma-separated statuses from 200 to 599, such as 200,204"))
			return
		}
		o.statuses = append(o.statuses, status)
	}
}

// readFleet reads what follows for a backend, and for all, when health changes.
func (o *options) readFleet(v *values) {
	o.health.SlowStart = v.duration("slow-start")
	o.health.PanicThreshold = v.count("panic-threshold", 0)
	if o.health.PanicThreshold > 100 {
		v.fail(wrong("panic-threshold", v.text("panic-threshold"), "0 for never, to 100"))
	}
}

// loadBackendTLS reads how the certificates of https backends are checked, by their checks and for their requests alike.
func (h *holdfast) loadBackendTLS() error {
	o := &h.options
	if o.backendCA == "" && o.backendName == "" {
		return nil
	}
	c := &tls.Config{ServerName: o.backendName}
	if o.backendCA != "" {
		pem, err := os.ReadFile(o.backendCA)
		c.RootCAs = x509.NewCertPool()
		if err == nil && !c.RootCAs.AppendCertsFromPEM(pem) {
			err = errors.New("want certificates in PEM, and there are none")
		}
		if err != nil {
			return &usageError{fmt.Sprintf("--backend-ca %q: %v", o.backendCA, err)}
		}
	}
	o.proxy.BackendTLS, o.ask.TLS = c, c
	return nil
}

// backendChanged carries a change of health to the pool, and ends what waits for a process that is dead.
func (h *holdfast) backendChanged(c healthcheck.Change) {
	h.pool.SetState(c.Target.ID, stateOf(c.To)) // first, so that the log says what is true
	event := "backend " + c.To.String()
	if c.Panic {
		event = "backend used although it is not well"
	}
	h.log.Log(context.Background(), levelOf(c), event,
		"backend", c.Target.ID, "was", c.From.String(), "after", c.After, "err", c.Err)
	if b := h.pool.Snapshot().ByID(c.Target.ID); b != nil && c.To == healthcheck.Down && !c.Refused {
		h.proxy.End(b)
	}
}

func levelOf(c healthcheck.Change) slog.Level {
	if c.To == healthcheck.Up && !c.Panic {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// weightChanged carries a step of a backend's slow start to the pool.
func (h *holdfast) weightChanged(t healthcheck.Target, factor float64) {
	h.pool.SetWeight(t.ID, factor)
}

// panicChanged says that so few backends are well that all are used, or that this is over.
func (h *holdfast) panicChanged(on bool, usable, all int) {
	if on {
		h.log.Warn("panic begins: too few backends are well, so all of them are used and no session is ended",
			"well", usable, "backends", all, "threshold", h.options.health.PanicThreshold)
		return
	}
	h.log.Info("panic is over", "well", usable, "backends", all)
}
