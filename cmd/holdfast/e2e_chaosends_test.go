package main_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// checkEnds requires a reason for every session's end, and that no session has
// lost, duplicated or reordered a message before its end.
func (c *chaos) checkEnds(t *testing.T) {
	t.Helper()
	var all tally
	ends, open := 0, 0
	for _, g := range c.groups {
		open += len(g.find(fields{"event": "welcome"}))
		for _, l := range g.find(fields{"event": "disconnect"}) {
			ends++
			if !c.explains(g, l) {
				t.Errorf("%s: a session ended without a reason: %s", g.name, l.text)
			}
			all.addWrongs("at clients", l)
		}
	}
	for _, p := range slices.Concat(c.dead, processesOf(c.backends)) {
		for _, l := range p.find(fields{"event": "disconnect"}) {
			all.addWrongs("at servers", l)
		}
	}
	for _, problem := range all.lines() {
		t.Error(problem)
	}
	t.Logf("%d sessions, %d of which have ended", open, ends)
}

// addVerdicts adds that proxies found backends dead, which a machine that has too
// much to do brings about as well.
func (c *chaos) addVerdicts(t *testing.T) {
	t.Helper()
	found := 0
	for _, p := range append(c.past, c.proxy.process) {
		for _, l := range p.find(fields{"msg": "backend down"}) {
			at, err := time.Parse(time.RFC3339Nano, l.str("time"))
			if err != nil {
				t.Fatal(err)
			}
			s := &spell{of: byID(t, c.backends, l.str("backend")), what: "found dead", from: at, until: at}
			found += count(!slices.ContainsFunc(c.spells, func(known *spell) bool {
				return known.of == s.of && at.After(known.from) && at.Before(known.until)
			}))
			c.spells = append(c.spells, s)
		}
	}
	t.Logf("%d times a backend was found dead without having been touched", found)
}

// explains says that a session may have ended when it did.
func (c *chaos) explains(g *talkers, l line) bool {
	slack := inForm(10*time.Second, 3*time.Second) // the short form runs on machines that have more to do
	return slices.ContainsFunc(c.spells, func(s *spell) bool {
		touched := s.of == nil && g.tunnels || s.of != nil && s.of.id == l.str("server")
		return touched && l.at().After(s.from.Add(-time.Millisecond)) && l.at().Before(s.until.Add(slack))
	})
}

func (c *tally) addWrongs(where string, l line) {
	for _, what := range []string{"missed", "duplicated", "reordered", "garbled"} {
		c.add(fmt.Sprintf("messages %s %s", what, where), l.int(what))
	}
}

func processesOf(backends []*backend) (list []*process) {
	for _, b := range backends {
		list = append(list, b.process)
	}
	return list
}

// checkConnected has all clients exchange messages once more, in sessions of which
// some have lived for long: nothing that was ever said in them may be missing.
func (g *talkers) checkConnected(t *testing.T) {
	t.Helper()
	var all tally
	for _, r := range g.exchange(t).Clients {
		all.add("clients that are not connected, or not served", count(!r.Done))
		all.add("messages lost", r.Lost)
		all.add("messages duplicated, reordered or garbled", r.Duplicated+r.Reordered+r.Garbled)
		all.add("upgrades undone", count(g.tunnels && r.Transport != "websocket"))
	}
	for _, problem := range all.lines() {
		t.Errorf("%s, in the end: %s", g.name, problem)
	}
}

// remains are what clients leave in a proxy, or do not.
type remains struct {
	goroutines, descriptors int
	figures
}

func (p *countingProxy) remains(t *testing.T) remains {
	t.Helper()
	return remains{int(p.series(t, "holdfast_goroutines")), descriptorsOf(p.process), p.figures(t)}
}

// descriptorsOf counts a process's file descriptors; 0 where the system does not tell.
func descriptorsOf(p *process) int {
	open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	return len(open)
}

// leave sends all clients home, and waits until the proxy has no more than it had
// before the first came. The last sessions live for as long as a client might still
// have come back, which the short form does not wait for.
func (c *chaos) leave(t *testing.T, before remains) {
	t.Helper()
	for _, g := range c.groups {
		g.command(t, fields{"cmd": "close"})
	}
	for _, g := range c.groups {
		g.waitExit(t, 20*time.Second)
	}
	late := time.After(inForm(15*time.Second, time.Minute))
	now := c.proxy.remains(t)
	for ; !now.within(before); now = c.proxy.remains(t) {
		select {
		case <-late:
			t.Fatalf("left behind: %+v, at the beginning there was %+v", now, before)
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Logf("%d goroutines and %d descriptors are left, there were %d and %d before the first client",
		now.goroutines, now.descriptors, before.goroutines, before.descriptors)
}

func (r remains) within(before remains) bool {
	const comeAndGo = 8 // those of checks and of questions such as this one
	known := inForm(0, r.Sessions.Proven+r.Sessions.Unproven)
	for _, b := range r.Backends {
		known += b.InFlight + inForm(0, b.Sessions)
	}
	return known+r.Sessions.Held+r.Requests+r.Tunnels == 0 &&
		r.goroutines <= before.goroutines+comeAndGo && r.descriptors <= before.descriptors+comeAndGo
}
