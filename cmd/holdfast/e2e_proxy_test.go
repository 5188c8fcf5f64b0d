package main_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// proxyConfig says how to run holdfast.
type proxyConfig struct {
	Backends []*backend // by ID, in the order of the flags
	Args     []string   // more flags
}

// proxy is a running holdfast. Its address stays over restarts.
type proxy struct {
	*process
	addr string
	args []string
	path string
}

// startProxy starts holdfast and waits until it listens.
func startProxy(t *testing.T, cfg proxyConfig) *proxy {
	t.Helper()
	p := &proxy{path: holdfast(t), addr: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	p.args = []string{"--listen", p.addr, "--log-format", "json"}
	for _, b := range cfg.Backends {
		p.args = append(p.args, "--backend", b.id+"="+b.url())
	}
	p.args = append(p.args, cfg.Args...)
	p.restart(t)
	return p
}

// restart runs holdfast again with the same flags, after its end.
func (p *proxy) restart(t *testing.T) {
	t.Helper()
	p.process = start(t, "holdfast "+p.addr, p.path, p.args...)
	run := p.process
	t.Cleanup(func() { reportCrash(t, run) })
	p.waitLog(t, 10*time.Second, "listening", fields{"addr": p.addr})
}

// reportCrash fails the test if holdfast panicked or the race detector spoke.
func reportCrash(t *testing.T, p *process) {
	for _, l := range p.find(nil) {
		for _, sign := range []string{"panic:", "fatal error:", "WARNING: DATA RACE"} {
			if strings.Contains(l.text, sign) {
				t.Errorf("%s: %s", p.name, l.text)
			}
		}
	}
}

func (p *proxy) url() string {
	return "http://" + p.addr
}

// waitLog waits for a log line by its message and some of its attributes.
func (p *proxy) waitLog(t *testing.T, within time.Duration, msg string, attrs fields) line {
	t.Helper()
	want := fields{"msg": msg}
	maps.Copy(want, attrs)
	return p.wait(t, within, want)
}
