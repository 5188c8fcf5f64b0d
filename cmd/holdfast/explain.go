package main

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-proxy/holdfast/proxy/admin"
)

func explainCommand() *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "say where a session is and how that is known", ArgsUsage: "SID",
		Flags: askingFlags(), Action: explain, OnUsageError: refuseSID, CustomHelpTemplate: explainHelp,
	}
}

const explainHelp = `holdfast explain says where a session is and how that is known.

  holdfast explain [--admin ADDR] [--json] [--] SID

{{range .VisibleFlags}}{{if ne (index .Names 0) "help"}}{{.}}
{{end}}{{end}}
A sid that begins with - goes behind --. Exit code 0: the session is known; 1: it is not, or no holdfast answers;
2: the command line is wrong.
`

// refuseSID is refuseUsage with the one mistake in mind that is nobody's fault: sids may begin with a dash.
func refuseSID(_ *cli.Context, err error, _ bool) error {
	return &usageError{err.Error() + "; a sid that begins with - goes behind --, as in holdfast explain -- -SID"}
}

func explain(c *cli.Context) error {
	if c.Args().Len() != 1 || c.Args().First() == "" {
		return &usageError{"explain: want one sid, behind the flags: holdfast explain [--admin ADDR] [--json] SID"}
	}
	var s admin.Session
	done, err := ask(c, "/sessions/"+url.PathEscape(c.Args().First()), &s)
	if err != nil || done {
		return err
	}
	printSession(c.App.Writer, s, time.Now())
	return nil
}

// pinTexts says what each pin means.
var pinTexts = map[string]string{
	"tag":     "its sid names the backend",
	"learned": "its handshake passed through here",
	"sought":  "a search has found it",
	"dead":    "the backend process that held it is gone; its client is told so and reconnects",
}

func printSession(w io.Writer, s admin.Session, now time.Time) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, values ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, printable(fmt.Sprintf(format, values...)))
	}
	line("sid", "%s", s.SID)
	line("backend", "%s (%s), %s", s.Backend, s.URL, s.State)
	line("pin", "%s: %s", s.Pin, pinTexts[s.Pin])
	if s.Known && s.Since != nil && s.Used != nil {
		line("since", "%s (%s ago)", s.Since.Format(time.RFC3339), age(*s.Since, now))
		line("last used", "%s ago", age(*s.Used, now))
		line("protocol", "%s", protocol(s))
		line("open", "%s, %s", count(s.Polls, "poll"), count(s.Tunnels, "tunnel"))
		line("ttl", "%ds without a request", s.TTL)
	} else {
		line("since", "no request of it has been seen here")
	}
	t.Flush()
}

func protocol(s admin.Session) string {
	text := "EIO=" + strconv.Itoa(s.EIO)
	if s.EIO == 0 {
		text = "EIO unknown"
	}
	if !s.Proven {
		text += ", no request since it was learned"
	}
	return text
}

// age is how long ago at was, to the second.
func age(at, now time.Time) time.Duration {
	return max(0, now.Sub(at)).Truncate(time.Second)
}

// count says "1 poll" or "2 polls".
func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return strconv.Itoa(n) + " " + of + "s"
}
