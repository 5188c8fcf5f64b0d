package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-proxy/holdfast/proxy/admin"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "say what a running holdfast and its backends carry",
		Flags: askingFlags(), Action: status, OnUsageError: refuseUsage, CustomHelpTemplate: statusHelp,
	}
}

const statusHelp = `holdfast status says what a running holdfast and its backends carry.

  holdfast status [--admin ADDR] [--json]

{{range .VisibleFlags}}{{if ne (index .Names 0) "help"}}{{.}}
{{end}}{{end}}
Exit code 0: it is ready for new sessions; 1: it is not, or no holdfast answers; 2: the command line is wrong.
`

func status(c *cli.Context) error {
	if c.Args().Present() {
		return &usageError{fmt.Sprintf("status: unexpected argument %q", c.Args().First())}
	}
	var s admin.Status
	done, err := ask(c, "/status", &s)
	if err != nil {
		return err
	}
	if !done {
		printStatus(c.App.Writer, s, time.Now())
	}
	if !s.Ready {
		return errors.New("not ready: " + printable(s.Reason))
	}
	return nil
}

func printStatus(w io.Writer, s admin.Status, now time.Time) {
	ready := "ready"
	if !s.Ready {
		ready = "not ready"
	}
	fmt.Fprintf(w, "holdfast %s, %s, running for %s\n", printable(s.Version), ready, age(s.Started, now))
	fmt.Fprintf(w, "%s, %s under way, %s\n",
		count(int(s.Connections), "connection"), count(int(s.Requests), "request"), count(s.Tunnels, "tunnel"))
	fmt.Fprintf(w, "%s known (%d held, %d proven, %d unproven), %d evicted, %d not stored\n",
		count(s.Sessions.Held+s.Sessions.Proven+s.Sessions.Unproven, "session"),
		s.Sessions.Held, s.Sessions.Proven, s.Sessions.Unproven, s.Sessions.Evicted, s.Sessions.NotStored)
	fmt.Fprintf(w, "%d searches, %d asked, %d found\n\n", s.Searches.Begun, s.Searches.Asked, s.Searches.Found)
	printBackends(w, s.Backends, now)
}

func printBackends(w io.Writer, list []admin.Backend, now time.Time) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BACKEND\tSTATE\tSESSIONS\tIN FLIGHT\tWEIGHT\tURL\tHEALTH")
	for _, b := range list {
		state := stateText(b)
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%.3g\t%s\t%s\n", printable(b.ID), printable(state), b.Sessions, b.InFlight,
			b.Weight, printable(b.URL), printable(healthText(b.Health, now)))
	}
	t.Flush()
}

// stateText says what a backend may be given, and how far its drain is.
func stateText(b admin.Backend) string {
	text := b.State
	switch d := b.Drain; {
	case d == nil:
	case d.Done:
		text = "drained"
	case d.Deadline != nil:
		text += fmt.Sprintf(", %d closed", d.Closed)
	}
	if b.Backup {
		text += " (backup)"
	}
	return text
}

// healthText says how checks find a backend, since when, and why it is not up.
func healthText(h *admin.Health, now time.Time) string {
	if h == nil {
		return "not checked"
	}
	text := fmt.Sprintf("%s for %s", h.Status, age(h.Since, now))
	if h.Panic {
		text += ", used all the same"
	}
	if h.Reason != "" {
		text += ": " + h.Reason
	}
	return text
}
