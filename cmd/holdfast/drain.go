package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-proxy/holdfast/proxy/admin"
)

func (o *options) readDrain(v *values) {
	o.proxy.DrainRate = v.count("drain-rate", 1)
	text := v.text("drain-timeout")
	if text == "never" {
		o.proxy.DrainTimeout = -1
		return
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		v.fail(wrong("drain-timeout", text, "never, or a time with a unit, such as 0s, 30s or 5m"))
	}
	o.proxy.DrainTimeout = max(d, 1) // 0 would be package proxy's default
}

func drainCommand() *cli.Command {
	return &cli.Command{
		Name: "drain", Usage: "give a backend no new sessions, and move its sessions elsewhere", ArgsUsage: "ID",
		Flags: append(askingFlags(),
			&cli.BoolFlag{Category: running, Name: "now", Usage: "`` close its sessions from now on, not after --drain-timeout"},
			&cli.BoolFlag{Category: running, Name: "detach", Usage: "`` do not wait until nothing is left there"}),
		Action: drain, OnUsageError: refuseUsage, CustomHelpTemplate: drainHelp,
	}
}

const drainHelp = `holdfast drain gives a backend no new sessions and, after the --drain-timeout of the running holdfast, closes the
sessions that are left, --drain-rate a second: their clients reconnect to other backends. It says how far that is and
returns when nothing is left there, so that the backend can be stopped. Interrupted, it stops watching; the drain goes on.

  holdfast drain [--admin ADDR] [--json] [--now] [--detach] ID

{{range .VisibleFlags}}{{if ne (index .Names 0) "help"}}{{.}}
{{end}}{{end}}
Exit code 0: nothing is left, or --detach; 1: there is no such backend, the drain was called off, or no holdfast
answers; 2: the command line is wrong. What is closed is written down in docs/operating.md.
`

func undrainCommand() *cli.Command {
	return &cli.Command{
		Name: "undrain", Usage: "give a drained backend new sessions again", ArgsUsage: "ID",
		Flags: append(askingFlags(),
			&cli.BoolFlag{Category: running, Name: "wait", Usage: "`` wait until it is up and its slow start is over"}),
		Action: undrain, OnUsageError: refuseUsage, CustomHelpTemplate: undrainHelp,
	}
}

const undrainHelp = `holdfast undrain gives a draining backend new sessions again; none is closed any more.

  holdfast undrain [--admin ADDR] [--json] [--wait] ID

{{range .VisibleFlags}}{{if ne (index .Names 0) "help"}}{{.}}
{{end}}{{end}}
Exit code 0: it is done; 1: there is no such backend, it does not drain, it was drained again, or no holdfast answers;
2: the command line is wrong.
`

func drain(c *cli.Context) error {
	id, err := backendID(c)
	if err != nil {
		return err
	}
	b, err := order(c, id, "drain", "?now="+fmt.Sprint(c.Bool("now")))
	if err != nil {
		return err
	}
	w := &drainWatch{out: c.App.Writer, json: c.Bool("json")}
	return follow(c, b, func(b admin.Backend) (over bool, err error) {
		over, err = w.show(b, time.Now())
		return over || c.Bool("detach"), err
	})
}

// follow shows what a backend is, now and every second, until that is over.
func follow(c *cli.Context, b admin.Backend, show func(admin.Backend) (over bool, err error)) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		over, err := show(b)
		if over || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-c.Context.Done():
			return c.Context.Err()
		}
		if b, err = lookAt(c, b); err != nil {
			return err
		}
	}
}

func undrain(c *cli.Context) error {
	id, err := backendID(c)
	if err != nil {
		return err
	}
	b, err := order(c, id, "undrain", "")
	if err != nil {
		return err
	}
	w := &drainWatch{out: c.App.Writer, json: c.Bool("json")}
	w.print(b, fmt.Sprintf("is %s, and has %s", b.State, count(int(b.Sessions), "session")))
	if !c.Bool("wait") {
		return nil
	}
	return follow(c, b, w.showReturn)
}

// backendID returns the one argument. Unlike urfave/cli it lets flags stand behind it, as in holdfast drain ID --now.
func backendID(c *cli.Context) (string, error) {
	var ids []string
	for args := c.Args().Slice(); len(args) > 0; args = args[1:] {
		name, value, given := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
		switch {
		case !strings.HasPrefix(args[0], "-"):
			ids = append(ids, args[0])
			continue
		case given:
		case name == "admin" && len(args) > 1:
			args = args[1:]
			value = args[0]
		case name != "admin":
			value = "true"
		}
		if err := c.Set(name, value); err != nil {
			return "", &usageError{fmt.Sprintf("%s: no such flag or value: %s; see holdfast %s --help", c.Command.Name, args[0], c.Command.Name)}
		}
	}
	if len(ids) != 1 || ids[0] == "" {
		return "", &usageError{fmt.Sprintf("%s: want the ID of one backend, as holdfast status shows it: holdfast %s ID", c.Command.Name, c.Command.Name)}
	}
	return ids[0], nil
}

// order gives an order about a backend and returns what that is then.
func order(c *cli.Context, id, what, query string) (b admin.Backend, err error) {
	_, err = request(c, http.MethodPost, "/backends/"+url.PathEscape(id)+"/"+what+query, &b)
	return b, err
}

// lookAt returns a backend as it is now.
func lookAt(c *cli.Context, was admin.Backend) (admin.Backend, error) {
	var all []admin.Backend
	if _, err := request(c, http.MethodGet, "/backends", &all); err != nil {
		return was, err
	}
	for _, b := range all {
		if b.ID == was.ID && b.URL == was.URL {
			return b, nil
		}
	}
	was.State, was.Drain = "removed", nil
	return was, nil
}

// drainWatch tells of a drain's progress, in words or with a backend in JSON on each line.
type drainWatch struct {
	out  io.Writer
	json bool
	last string
}

func (w *drainWatch) print(b admin.Backend, text string) {
	if w.json {
		json.NewEncoder(w.out).Encode(b)
		return
	}
	fmt.Fprintf(w.out, "%s %s\n", printable(b.ID), printable(text))
}

// show prints what has changed. over says that nothing is left; the error is why it will never be.
func (w *drainWatch) show(b admin.Backend, now time.Time) (over bool, err error) {
	if text := drainText(b, now); text != w.last {
		w.print(b, text)
		w.last = text
	}
	switch {
	case b.Drain != nil:
		return b.Drain.Done, nil
	case b.State == "down", b.State == "removed":
		return true, nil
	}
	return false, fmt.Errorf("the drain of %s was called off: it is %s", printable(b.ID), printable(b.State))
}

// showReturn prints what keeps a backend from its whole share of new sessions, if that has changed.
func (w *drainWatch) showReturn(b admin.Backend) (over bool, err error) {
	if b.State == "draining" || b.State == "removed" {
		return false, fmt.Errorf("%s is %s", printable(b.ID), printable(b.State))
	}
	text := "is " + b.State
	switch {
	case b.State == "up" && b.SlowStart:
		text = "is up, and in its slow start"
	case b.State == "up":
		text = "is up, and takes its whole share of new sessions"
	}
	if text != w.last {
		w.print(b, text)
		w.last = text
	}
	return b.State == "up" && !b.SlowStart, nil
}

// drainText says how far a drain is. Of times it says when, not how long until then, so that it changes with news only.
func drainText(b admin.Backend, now time.Time) string {
	d := b.Drain
	switch {
	case b.State == "down":
		return "is down: its sessions are gone"
	case b.State == "removed":
		return "has left: nothing of it is left"
	case d == nil:
		return "is " + b.State
	case d.Done:
		return fmt.Sprintf("is drained: nothing is left there, %s closed", count(int(d.Closed), "session"))
	}
	text := fmt.Sprintf("is draining: %s left (%s, %s open)", count(int(b.Sessions), "session"), count(d.Polls, "poll"), count(d.Tunnels, "tunnel"))
	switch {
	case d.Closes == nil:
		return text + ", which may stay (--drain-timeout never)"
	case d.Closes.After(now):
		return text + ", which may stay until " + d.Closes.Local().Format(time.TimeOnly)
	case d.Deadline == nil:
		return text
	}
	return text + fmt.Sprintf(", %d closed, all at %s at the latest", d.Closed, d.Deadline.Local().Format(time.TimeOnly))
}
