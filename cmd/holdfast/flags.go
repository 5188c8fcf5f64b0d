package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// The groups of flags, in the order of the help. urfave/cli sorts them by name, hence the numbers, which helpTemplate
// cuts off again.
const (
	traffic   = "1 Traffic"
	pinning   = "2 Pinning"
	balancing = "3 Balancing"
	health    = "4 Health"
	timeouts  = "5 Timeouts"
	limits    = "6 Limits"
	edge      = "7 Edge"
	running   = "8 Running"
)

// flag declares one flag. All are strings to urfave/cli: options.go parses them and says what is wrong with a value in
// the same words for each. word is what the help calls the value, value the default.
func flag(category, name, word, value, usage string) cli.Flag {
	return &cli.StringFlag{
		Category: category,
		Name:     name,
		EnvVars:  []string{envName(name)},
		Value:    value,
		Usage:    fmt.Sprintf("`%s` %s", word, usage),
	}
}

// repeated declares a flag that may be given several times; in the environment its values stand one after the other,
// separated by white space.
func repeated(category, name, word, value, usage string) cli.Flag {
	f := &cli.StringSliceFlag{
		Category: category,
		Name:     name,
		EnvVars:  []string{envName(name)},
		Usage:    fmt.Sprintf("`%s` %s", word, usage),
	}
	if value != "" {
		f.Value = cli.NewStringSlice(value)
	}
	return f
}

// envName is the name of a flag in the environment: HOLDFAST_HEALTH_INTERVAL for --health-interval.
func envName(name string) string {
	return "HOLDFAST_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func flags() []cli.Flag {
	return []cli.Flag{
		repeated(traffic, "listen", "ADDR", "127.0.0.1:8080", "host:port or unix:/path to accept clients on; repeatable"),
		repeated(traffic, "backend", "BACKEND", "", "[ID=]URL[,weight=N][,max-sessions=N][,backup]; repeatable; at least one, or --discover"),
		repeated(traffic, "discover", "SOURCE", "", "dns://NAME:PORT, srv://NAME or file:///PATH, which list more backends; repeatable"),
		flag(traffic, "backend-ca", "FILE", "", "PEM file of whom https backends' certificates must be from; empty: the system's"),
		flag(traffic, "backend-tls-name", "NAME", "", "name on https backends' certificates; empty: the host of their URL"),
		repeated(traffic, "engineio-path", "PATH", "", "path prefix of Engine.IO, repeatable; none: any request whose query has EIO"),

		flag(pinning, "affinity", "LIST", "sid,cookie", "what pins a client: sid, cookie, query:NAME, header:NAME, ip"),
		flag(pinning, "sid-tag", "BOOL", "false", "let EIO=4 sids name their backend, so that no search is ever needed"),
		flag(pinning, "secret", "TEXT", "", "signs cookies and tags, the same on every replica; empty: they can be guessed"),
		flag(pinning, "seek", "BOOL", "true", "search the backends for a sid not known here; false: follow its cookie, if any"),
		flag(pinning, "seek-rate", "N", "1000", "searches begun per second at most; clients take turns"),
		flag(pinning, "session-limit", "N", "1000000", "sessions remembered at most"),
		flag(pinning, "cookie-name", "NAME", "holdfast", "name of the affinity cookie; never io"),
		flag(pinning, "cookie-samesite", "MODE", "lax", "lax, strict or none"),
		flag(pinning, "cookie-secure", "BOOL", "false", "send the cookie over TLS only"),
		flag(pinning, "cookie-partitioned", "BOOL", "false", "keep the cookie apart for each embedding site; needs --cookie-secure"),
		flag(pinning, "cookie-max-age", "TIME", "0s", "how long browsers keep the cookie; 0s: until they end"),

		flag(balancing, "balance", "NAME", "least-sessions", "least-sessions, round-robin, random or hash (of the client's IP)"),
		flag(balancing, "balance-factor", "X", "1.25", "a cookie or a hash gives no backend more than X times the mean"),
		flag(balancing, "slow-start", "TIME", "0s", "how long a backend's weight grows that was down or joins others; 0s: none"),

		flag(health, "health-check", "KIND", "engineio", "engineio, http, tcp or off"),
		flag(health, "health-path", "PATH", "auto", "path that checks ask for; auto: /socket.io/ for engineio, / for http"),
		flag(health, "health-host", "HOST", "auto", "Host field of checks; auto: host and port of the backend's URL"),
		flag(health, "health-status", "LIST", "auto", "statuses that an http check takes, such as 200,204; auto: 200 to 399"),
		flag(health, "health-interval", "TIME", "2s", "time between two checks of a backend"),
		flag(health, "health-timeout", "TIME", "1s", "time for one check"),
		flag(health, "health-rise", "N", "2", "successful checks that bring a backend up"),
		flag(health, "health-fall", "N", "3", "failed checks that take a backend down"),
		flag(health, "max-fails", "N", "5", "bad replies in a row that eject a backend from new sessions; 0: never"),
		flag(health, "fail-timeout", "TIME", "10s", "how long an ejection lasts; doubles when repeated"),
		flag(health, "max-ejection-percent", "N", "50", "percentage of the backends ejected at most"),
		flag(health, "panic-threshold", "N", "0", "use all backends, end no session while fewer than N % are well; 0: never"),

		flag(timeouts, "connect-timeout", "TIME", "3s", "for dialling a backend"),
		flag(timeouts, "header-timeout", "TIME", "5s", "for a request's whole head"),
		flag(timeouts, "body-timeout", "TIME", "30s", "for any progress of a body"),
		flag(timeouts, "poll-timeout", "TIME", "auto", "for a reply to begin; auto: from the session's handshake"),
		flag(timeouts, "tunnel-timeout", "TIME", "auto", "for a silent WebSocket; auto: from the session's handshake"),
		flag(timeouts, "idle-timeout", "TIME", "75s", "for a client's next request, and between two parts of a reply"),

		flag(limits, "max-connections", "N", "100000", "clients at a time, WebSockets included"),
		flag(limits, "max-connections-per-ip", "N", "0", "the same from one address (IPv6: /64), trusted proxies excepted; 0: no limit"),
		flag(limits, "max-header-bytes", "SIZE", "16k", "size of a request's head"),
		flag(limits, "max-body-bytes", "SIZE", "100m", "size of a request's body"),
		flag(limits, "handshake-rate", "N", "0", "sessions opened per second at each backend; others wait; 0: no limit"),
		flag(limits, "handshake-rate-total", "N", "0", "the same for all backends together"),
		flag(limits, "handshake-burst", "N", "auto", "how many of each rate may come at once; auto: a second's worth"),
		flag(limits, "handshake-wait", "TIME", "10s", "how long a handshake waits for that, or a place below max-sessions; then 503"),
		flag(limits, "handshake-queue", "N", "10000", "handshakes that wait at most"),
		flag(limits, "source-address", "IP", "", "local address to dial backends from"),

		flag(edge, "trusted-proxies", "CIDRS", "", "comma-separated, unix: for unix sockets; whose X-Forwarded-* fields are believed"),
		flag(edge, "proxy-protocol", "BOOL", "false", "trusted proxies send a PROXY header, version 1 or 2, on each connection"),
		flag(edge, "tls-cert", "FILE", "", "certificate chain in PEM; serves TLS on every listener"),
		flag(edge, "tls-key", "FILE", "", "its private key in PEM"),

		flag(running, "admin", "ADDR", defaultAdmin, "host:port or unix:/path for health, metrics and questions; empty: none"),
		flag(running, "handover", "PATH", "", "unix socket over which the next holdfast takes over all sockets and sessions; see docs"),
		flag(running, "shutdown-delay", "TIME", "0s", "how long after SIGTERM clients are still accepted, while /readyz says no"),
		flag(running, "drain-timeout", "TIME", "5m", "how long sessions of a draining backend may stay before they are closed; or never"),
		flag(running, "drain-rate", "N", "50", "sessions of draining backends closed per second then"),
		flag(running, "shutdown-timeout", "TIME", "60s", "how long polls and WebSockets may go on after SIGTERM"),
		flag(running, "access-log", "BOOL", "false", "log every request, and the end of every WebSocket: where, why, how"),
		flag(running, "log-format", "FORMAT", "text", "text or json"),
		flag(running, "log-level", "LEVEL", "info", "debug, info, warn or error"),
	}
}

// usageError is a mistake in the command line or the environment: exit code 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// wrong says which flag has which value and what was wanted instead.
func wrong(name, value, want string) error {
	return &usageError{fmt.Sprintf("--%s %q: want %s", name, value, want)}
}

func exitCode(err error) int {
	var usage *usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// newApp declares the command line; it writes help to stdout.
func newApp(stdout, stderr io.Writer) *cli.App {
	cli.FlagStringer = flagLine
	return &cli.App{
		Name:                      "holdfast",
		CustomAppHelpTemplate:     helpTemplate,
		Writer:                    stdout,
		ErrWriter:                 stderr,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              refuseUsage,
		Flags:                     flags(),
		Action:                    serve,
		Commands: []*cli.Command{
			{Name: "check", Usage: "validate flags and environment, and exit", Flags: flags(), Action: check, OnUsageError: refuseUsage},
			statusCommand(),
			explainCommand(),
			drainCommand(),
			undrainCommand(),
			{Name: "version", Usage: "print the version, and exit", Action: printVersion, OnUsageError: refuseUsage},
		},
	}
}

// spelledOut gives the value true to every flag of the kind BOOL that none follows: --sid-tag is --sid-tag=true.
func spelledOut(args []string) []string {
	alone := map[string]bool{}
	for _, f := range flags() {
		if doc, ok := f.(cli.DocGenerationFlag); ok && strings.HasPrefix(doc.GetUsage(), "`BOOL`") {
			alone["--"+f.Names()[0]] = true
		}
	}
	args = slices.Clone(args)
	for i, arg := range args {
		if alone[arg] && (i+1 == len(args) || strings.HasPrefix(args[i+1], "-")) {
			args[i] += "=true"
		}
	}
	return args
}

// refuseUsage turns what the flag parser says into one line.
func refuseUsage(_ *cli.Context, err error, _ bool) error {
	text := strings.Replace(err.Error(), "flag provided but not defined: -", "no such flag: --", 1)
	return &usageError{text + "; see holdfast --help"}
}

// helpTemplate shows every flag on one line, in groups.
const helpTemplate = `holdfast keeps every Socket.IO session on the backend that opened it.

  holdfast --listen :8080 --backend web-1=http://10.0.0.1:3000 --backend web-2=http://10.0.0.2:3000
  holdfast check FLAGS    validate flags and environment, and exit
  holdfast status         say what a running holdfast and its backends carry
  holdfast explain SID    say where a session is and how that is known
  holdfast drain ID       give a backend no new sessions, and move its sessions elsewhere
  holdfast undrain ID     give it new sessions again
  holdfast version        print the version, and exit
{{range .VisibleFlagCategories}}{{if .Name}}
{{slice .Name 2}}
{{range .Flags}}{{.}}
{{end}}{{end}}{{end}}
TIME is a number with a unit (500ms, 2s, 1h), SIZE one with k, m or g; BOOL may be left out, and is true then. Every
flag can be set in the environment (HOLDFAST_LISTEN for --listen; values of repeatable flags separated by spaces). The
command line goes first.
`

// flagLine is a flag's line in the help: its name, the kind of its value, what it does, its default.
func flagLine(f cli.Flag) string {
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	word, usage, _ := strings.Cut(strings.TrimPrefix(doc.GetUsage(), "`"), "` ")
	if value := strings.Trim(doc.GetDefaultText(), `"[]`); value != "" {
		usage += " [" + value + "]"
	}
	return fmt.Sprintf("  %-30s %s", "--"+f.Names()[0]+" "+word, usage)
}
