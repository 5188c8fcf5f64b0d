package main

import (
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-proxy/holdfast/routing"
)

// parse reads a command line as holdfast would, without running anything.
func parse(t *testing.T, args ...string) (o options, err error) {
	t.Helper()
	app := newApp(io.Discard, io.Discard)
	app.Action = func(c *cli.Context) (err error) {
		o, err = readOptions(c)
		return err
	}
	return o, app.Run(spelledOut(append([]string{"holdfast"}, args...)))
}

const someBackend = "--backend=http://127.0.0.1:3000"

func TestTrueNeedNotBeSaid(t *testing.T) {
	for _, args := range [][]string{
		{someBackend, "--sid-tag", "--access-log"},
		{someBackend, "--sid-tag", "true", "--access-log=true"},
		{"--access-log", someBackend, "--sid-tag", "1"},
	} {
		o, err := parse(t, args...)
		if err != nil || !o.proxy.SIDTag || !o.proxy.AccessLog {
			t.Errorf("%q: %v; sid-tag %v, access-log %v", args, err, o.proxy.SIDTag, o.proxy.AccessLog)
		}
	}
}

func TestWrongValuesAreRefusedInOneLine(t *testing.T) {
	for args, want := range map[string]string{
		"":                                                           `--backend: want at least one`,
		"--backend x":                                                `--backend "x": want [ID=]URL`,
		"--backend =http://a:1":                                      `--backend "=http://a:1": want [ID=]URL`,
		"--backend http://a:1/x":                                     `--backend "http://a:1/x": want`,
		"--backend ftp://a:1":                                        `--backend "ftp://a:1": want`,
		"--backend http://u@a:1":                                     `--backend "http://u@a:1": want`,
		"--backend unix:x":                                           `--backend "unix:x": want`,
		"--backend http://a:1,y":                                     `--backend "http://a:1,y": want`,
		"--backend http://a:1,weight=0":                              `want [ID=]URL`,
		"--backend http://a:1,max-sessions=many":                     `want [ID=]URL`,
		someBackend + " extra":                                       `unexpected argument "extra"`,
		someBackend + " --no-such-flag 1":                            `no such flag: --no-such-flag`,
		someBackend + " --affinity sid,moon":                         `--affinity "sid,moon": want a comma-separated list`,
		someBackend + " --affinity query:":                           `--affinity "query:": want`,
		someBackend + " --affinity query:a,header:b":                 `--affinity "query:a,header:b": want`,
		someBackend + " --session-limit 0":                           `--session-limit "0": want a whole number from 1`,
		someBackend + " --seek maybe":                                `--seek "maybe": want true or false`,
		someBackend + " --seek-rate 0":                               `--seek-rate "0": want a whole number from 1`,
		someBackend + " --seek-rate 1000001":                         `--seek-rate "1000001": want a whole number from 1 to 1000000`,
		someBackend + " --cookie-name io":                            `--cookie-name "io": want a cookie name other than io`,
		someBackend + " --cookie-name a=b":                           `--cookie-name "a=b": want`,
		someBackend + " --cookie-samesite lazy":                      `--cookie-samesite "lazy": want one of lax, strict, none`,
		someBackend + " --cookie-samesite none":                      `--cookie-samesite "none": want --cookie-secure=true as well`,
		someBackend + " --cookie-partitioned true":                   `--cookie-partitioned "true": want --cookie-secure=true as well`,
		someBackend + " --cookie-max-age -1s":                        `--cookie-max-age "-1s": want a time`,
		someBackend + " --balance fair":                              `--balance "fair": want one of least-sessions`,
		someBackend + " --balance-factor 1":                          `--balance-factor "1": want a number above 1`,
		someBackend + " --balance-factor NaN":                        `--balance-factor "NaN": want a number above 1`,
		someBackend + " --health-check ping":                         `--health-check "ping": want one of engineio, http, tcp, off`,
		someBackend + " --health-path socket.io":                     `--health-path "socket.io": want auto, or a path`,
		someBackend + " --health-interval 3":                         `--health-interval "3": want a time above zero with a unit`,
		someBackend + " --health-rise 0":                             `--health-rise "0": want a whole number from 1`,
		someBackend + " --max-fails 1":                               `--max-fails "1": want 0 for never, or at least 2`,
		someBackend + " --max-ejection-percent 101":                  `--max-ejection-percent "101": want 1 to 100`,
		someBackend + " --panic-threshold 101":                       `--panic-threshold "101": want 0 for never, to 100`,
		someBackend + " --slow-start -1s":                            `--slow-start "-1s": want a time`,
		someBackend + " --health-host a/b":                           `--health-host "a/b": want auto, or HOST`,
		someBackend + " --health-status 200":                         `--health-status "200": want --health-check http as well`,
		someBackend + " --health-check http --health-status 200,2xx": `--health-status "200,2xx": want auto, or comma-separated statuses`,
		someBackend + " --health-check http --health-status 199":     `--health-status "199": want`,
		someBackend + " --handshake-rate many":                       `--handshake-rate "many": want a whole number from 0`,
		someBackend + " --handshake-rate-total 1000001":              `--handshake-rate-total "1000001": want a whole number from 0 to 1000000`,
		someBackend + " --handshake-burst 0":                         `--handshake-burst "0": want a whole number from 1`,
		someBackend + " --handshake-wait 3":                          `--handshake-wait "3": want a time`,
		someBackend + " --handshake-queue 0":                         `--handshake-queue "0": want a whole number from 1`,
		someBackend + " --connect-timeout 0s":                        `--connect-timeout "0s": want a time above zero`,
		someBackend + " --poll-timeout never":                        `--poll-timeout "never": want auto, or a time`,
		someBackend + " --max-connections x":                         `--max-connections "x": want a whole number from 1`,
		someBackend + " --max-header-bytes 10":                       `--max-header-bytes "10": want a size from 1024 to 1048576 bytes`,
		someBackend + " --max-body-bytes 1t":                         `--max-body-bytes "1t": want a size`,
		someBackend + " --source-address here":                       `--source-address "here": want an IP address`,
		someBackend + " --trusted-proxies 10.0.0.0/99":               `--trusted-proxies "10.0.0.0/99": want comma-separated`,
		someBackend + " --proxy-protocol true":                       `--proxy-protocol "true": want --trusted-proxies as well`,
		someBackend + " --tls-cert c.pem":                            `--tls-cert "c.pem": want --tls-key as well`,
		someBackend + " --tls-key k.pem":                             `--tls-key "k.pem": want --tls-cert as well`,
		someBackend + " --engineio-path socket.io":                   `--engineio-path "socket.io": want a path that begins with /`,
		someBackend + " --log-format xml":                            `--log-format "xml": want one of text, json`,
		someBackend + " --log-level loud":                            `--log-level "loud": want one of debug, info, warn, error`,
		someBackend + " --shutdown-timeout soon":                     `--shutdown-timeout "soon": want a time`,
		someBackend + " --shutdown-delay -1s":                        `--shutdown-delay "-1s": want a time`,
		someBackend + " --handover here":                             `--handover "here": want a path of at most 90 bytes`,
		someBackend + " --drain-timeout soon":                        `--drain-timeout "soon": want never, or a time with a unit`,
		someBackend + " --drain-timeout -1s":                         `--drain-timeout "-1s": want never, or a time`,
		someBackend + " --drain-rate 0":                              `--drain-rate "0": want a whole number from 1`,
	} {
		t.Run(args, func(t *testing.T) {
			_, err := parse(t, strings.Fields(args)...)
			switch {
			case err == nil:
				t.Errorf("accepted, want %q", want)
			case !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n"):
				t.Errorf("got %q, want one line with %q", err, want)
			case exitCode(err) != 2:
				t.Errorf("exit code %d, want 2", exitCode(err))
			}
		})
	}
}

func TestDrainTimeouts(t *testing.T) {
	for text, want := range map[string]time.Duration{"5m": 5 * time.Minute, "0s": 1, "never": -1} {
		if o, err := parse(t, someBackend, "--drain-timeout", text); err != nil || o.proxy.DrainTimeout != want {
			t.Errorf("%s: %v (%v), want %v", text, o.proxy.DrainTimeout, err, want)
		}
	}
}

func TestBackendsAreReadFromTheCommandLine(t *testing.T) {
	for text, want := range map[string]routing.BackendConfig{
		"http://a:1":                  {URL: "http://a:1"},
		"web-1=http://a:1":            {ID: "web-1", URL: "http://a:1"},
		"https://a":                   {URL: "https://a"},
		"x=unix:/run/a.sock":          {ID: "x", URL: "unix:/run/a.sock"},
		"http://[::1]:1,weight=3":     {URL: "http://[::1]:1", Weight: 3},
		"a=http://a:1,max-sessions=5": {ID: "a", URL: "http://a:1", MaxSessions: 5},
		"http://a:1,backup,weight=2":  {URL: "http://a:1", Backup: true, Weight: 2},
	} {
		o, err := parse(t, "--backend", text)
		if err != nil || !reflect.DeepEqual(o.backends, []routing.BackendConfig{want}) {
			t.Errorf("--backend %s is %+v (%v), want %+v", text, o.backends, err, want)
		}
	}
}

func TestTheEnvironmentSetsFlagsAndTheCommandLineGoesFirst(t *testing.T) {
	t.Setenv("HOLDFAST_BACKEND", "a=http://127.0.0.1:1 b=http://127.0.0.1:2,weight=2")
	t.Setenv("HOLDFAST_HEALTH_INTERVAL", "7s")
	t.Setenv("HOLDFAST_MAX_BODY_BYTES", "2m")
	t.Setenv("HOLDFAST_AFFINITY", "sid,query:room")
	o, err := parse(t, "--health-interval", "9s")
	if err != nil {
		t.Fatal(err)
	}
	if len(o.backends) != 2 || o.backends[1].Weight != 2 {
		t.Errorf("backends are %+v, want a and b", o.backends)
	}
	if o.health.Interval != 9*time.Second {
		t.Errorf("interval is %v, want the command line's", o.health.Interval)
	}
	if o.proxy.MaxBodyBytes != 2<<20 || o.proxy.KeyQuery != "room" || o.proxy.Cookie.Name != "" {
		t.Errorf("body %d, key %q, cookie %q; want 2 MiB, room and none", o.proxy.MaxBodyBytes, o.proxy.KeyQuery, o.proxy.Cookie.Name)
	}
}
