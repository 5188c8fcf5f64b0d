package healthcheck_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

// TestAssume begins with what another process has found of backend a, which is well or not by now, and tells what is
// reported until then.
func TestAssume(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		status healthcheck.Status
		found  error
		first  string        // reported at once
		then   time.Duration // and until then
		want   string
	}{
		"down, and well again: it has to convince":       {healthcheck.Down, nil, "a unknown>down", 500 * ms, "a down>up"},
		"down, and still so":                             {healthcheck.Down, errSick, "a unknown>down", time.Minute, ""},
		"up, and still so":                               {healthcheck.Up, nil, "a unknown>up", time.Minute, ""},
		"up, and sick by now: it takes as many checks":   {healthcheck.Up, errSick, "a unknown>up", 1000 * ms, "a up>down"},
		"up, and gone by now":                            {healthcheck.Up, errRefused, "a unknown>up, a up>suspect", 1000 * ms, "a suspect>down refused"},
		"suspect, and well again":                        {healthcheck.Suspect, nil, "a unknown>suspect", 500 * ms, "a suspect>up"},
		"ejected, for as long as a first time":           {healthcheck.Ejected, nil, "a unknown>ejected", 10 * time.Second, "a ejected>up"},
		"unknown there too: the first check says it all": {healthcheck.Unknown, nil, "a unknown>up", time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			targets := named(1)
			watchAfter(t, healthcheck.Config{}, targets, func(f *fleet, checker *healthcheck.Checker) {
				f.becomes(targets[0].URL, c.found)
				checker.Assume(map[healthcheck.Target]healthcheck.Status{targets[0]: c.status})
			}, func(f *fleet, checker *healthcheck.Checker) {
				if got := strings.Join(f.said(), ", "); got != c.first {
					t.Errorf("at once %q, want %q", got, c.first)
				}
				after(c.then - 1)
				expect(t, f)
				after(1)
				if got := strings.Join(f.said(), ", "); got != c.want {
					t.Errorf("then %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestAssumeIsForTheVeryTargets(t *testing.T) {
	targets := named(2)
	moved := healthcheck.Target{ID: targets[1].ID, URL: "http://elsewhere:1"}
	watchAfter(t, healthcheck.Config{}, targets, func(f *fleet, c *healthcheck.Checker) {
		c.Assume(map[healthcheck.Target]healthcheck.Status{targets[0]: healthcheck.Down, moved: healthcheck.Down})
		states := c.States()
		if s := states[0]; s.Status != healthcheck.Down || s.Err == nil || s.Since.IsZero() {
			t.Errorf("%+v, want it down with a reason", s)
		}
		if s := states[1]; s.Status != healthcheck.Unknown {
			t.Errorf("%+v, want it unknown", s)
		}
	}, func(f *fleet, _ *healthcheck.Checker) {
		expect(t, f, "a unknown>down", "b unknown>up")
	})
}
