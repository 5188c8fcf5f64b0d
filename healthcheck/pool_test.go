package healthcheck_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

func TestOneClientCannotEjectABackend(t *testing.T) {
	watch(t, healthcheck.Config{}, named(4), func(f *fleet, c *healthcheck.Checker) {
		f.said()
		for range 1000 {
			c.Observe("a", healthcheck.BadReply, someone)
			synctest.Wait()
		}
		expect(t, f)
	})
}

func TestAnEjectionEndsByItself(t *testing.T) {
	watch(t, healthcheck.Config{}, named(2), func(f *fleet, c *healthcheck.Checker) {
		f.said()
		fail(c, "a", 4)
		c.Observe("a", healthcheck.Served, someone)
		synctest.Wait()
		fail(c, "a", 4)
		expect(t, f)
		fail(c, "a", 1)
		expect(t, f, "a up>ejected")
		after(9999 * time.Millisecond)
		expect(t, f)
		after(time.Millisecond)
		expect(t, f, "a ejected>up")
	})
}

// A good reply counts although the bad ones before it have not been looked at.
func TestAGoodReplyAmongBadOnesIsNotOverlooked(t *testing.T) {
	watch(t, healthcheck.Config{}, named(2), func(f *fleet, c *healthcheck.Checker) {
		f.said()
		for i := range 12 {
			if i%4 == 3 {
				c.Observe("a", healthcheck.Served, someone)
			}
			c.Observe("a", healthcheck.BadReply, []netip.Addr{someone, another}[i%2])
		}
		synctest.Wait()
		expect(t, f)
	})
}

func TestEjectionsLeaveEnoughBackends(t *testing.T) {
	for name, c := range map[string]struct {
		targets, percent, ejected int
		down                      []string
	}{
		"a lone backend is never ejected":              {targets: 1, ejected: 0},
		"of two, one":                                  {targets: 2, ejected: 1},
		"of three, one":                                {targets: 3, ejected: 1},
		"of four, two":                                 {targets: 4, ejected: 2},
		"of ten at 30 percent, three":                  {targets: 10, percent: 30, ejected: 3},
		"of four at 100 percent, all":                  {targets: 4, percent: 100, ejected: 4},
		"those that are down count: of four, one more": {targets: 4, ejected: 1, down: []string{"d"}},
		"those that are down count: of four, no more":  {targets: 4, ejected: 0, down: []string{"c", "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := healthcheck.Config{MaxEjectionPercent: c.percent}
			watch(t, cfg, named(c.targets), func(f *fleet, checker *healthcheck.Checker) {
				for _, url := range c.down {
					f.becomes(url, errSick)
				}
				after(5 * time.Second)
				f.said()
				for _, target := range named(c.targets) {
					fail(checker, target.ID, 5)
				}
				if got := strings.Count(strings.Join(f.said(), " "), ">ejected"); got != c.ejected {
					t.Errorf("%d ejected, want %d", got, c.ejected)
				}
			})
		})
	}
}

func TestPanicUsesAllAndEndsNobody(t *testing.T) {
	watch(t, healthcheck.Config{PanicThreshold: 50}, named(3), func(f *fleet, c *healthcheck.Checker) {
		f.said()
		f.becomes("a", errSick)
		after(4 * time.Second)
		expect(t, f, "a up>down")
		f.becomes("b", errSick)
		after(4 * time.Second) // one of three is less than half: a is used again, b is never given up
		expect(t, f, "panic true 1/3", "a down>up panic")
		for _, s := range c.States() {
			if s.Panic != (s.Target.ID != "c") {
				t.Errorf("%s: panic %v", s.Target.ID, s.Panic)
			}
		}
		f.becomes("b", nil)
		after(4 * time.Second)
		expect(t, f, "panic false 2/3", "a up>down")
		c.Set(named(2)) // one of two is half
		expect(t, f)
		c.Set(named(1))
		expect(t, f, "panic true 0/1", "a down>up panic")
		c.Set(nil)
		expect(t, f, "panic false 0/0")
	})
}

func TestTwoFailAtTheSameTimeThenAllThenBack(t *testing.T) {
	watch(t, healthcheck.Config{}, named(3), func(f *fleet, _ *healthcheck.Checker) {
		f.said()
		f.becomes("a", errRefused)
		f.becomes("b", errSick)
		after(3 * time.Second)
		if got, want := sorted(f), "a suspect>down refused, a up>suspect, b up>down"; got != want {
			t.Errorf("two failed: %s", got)
		}
		f.becomes("c", errRefused)
		after(3 * time.Second)
		expect(t, f, "c up>suspect", "c suspect>down refused")
		for _, url := range []string{"a", "b", "c"} {
			f.becomes(url, nil)
		}
		after(3 * time.Second)
		if got, want := sorted(f), "a down>up, b down>up, c down>up"; got != want {
			t.Errorf("all are back: %s", got)
		}
	})
}

func TestSlowStartAfterDownAndForLateComers(t *testing.T) {
	watch(t, healthcheck.Config{SlowStart: 10 * time.Second}, named(2), func(f *fleet, c *healthcheck.Checker) {
		if got, want := sorted(f), "a unknown>up, b unknown>up"; got != want {
			t.Fatalf("at the start of all: %s, want %s", got, want)
		}
		c.Set(named(3))
		after(0)
		expect(t, f, "c weight 0.10", "c weight 0.10", "c unknown>up") // the first one at once, whatever checks find
		after(5 * time.Second)
		if got := f.said(); len(got) != 10 || got[9] != "c weight 0.50" {
			t.Errorf("half-way: %q", got)
		}
		after(time.Minute)
		if got := f.said(); len(got) != 10 || got[9] != "c weight 1.00" {
			t.Errorf("to the end: %q", got)
		}
		c.Observe("a", healthcheck.DialRefused, someone)
		after(4 * time.Second)
		expect(t, f, "a up>suspect", "a suspect>up") // it has not been away: its sessions are still there
		f.becomes("a", errSick)
		after(4 * time.Second)
		f.becomes("a", nil)
		after(4 * time.Second)
		f.becomes("a", errSick)
		after(4 * time.Second)
		lines := f.said()
		if i := slices.Index(lines, "a weight 0.10"); i < 0 || lines[i+1] != "a down>up" {
			t.Errorf("back from down: %q, want the small weight just before the up", lines)
		}
		if got := lines[len(lines)-1]; got != "a up>down" {
			t.Fatalf("down again within the slow start: %q", lines)
		}
		after(time.Minute)
		expect(t, f) // and its weight no longer grows
	})
}

func TestSetKeepsWhatStaysAndForgetsWhatGoes(t *testing.T) {
	watch(t, healthcheck.Config{}, named(2), func(f *fleet, c *healthcheck.Checker) {
		f.said()
		f.becomes("a", errSick)
		after(4 * time.Second)
		expect(t, f, "a up>down")
		c.Set([]healthcheck.Target{{ID: "a", URL: "a"}, {ID: "b", URL: "elsewhere"}, {ID: "a", URL: "twice"}})
		after(0)
		expect(t, f, "b unknown>up") // another URL is another backend; a is what it was
		seen := len(f.checksOf("b"))
		c.Set([]healthcheck.Target{{ID: "b", URL: "elsewhere"}})
		f.becomes("a", nil)
		after(time.Minute)
		expect(t, f)
		if got := len(f.checksOf("b")); got != seen {
			t.Errorf("the old b was checked %d times after it had gone", got-seen)
		}
		if got := len(f.checksOf("twice")); got != 0 {
			t.Errorf("the second of two targets with one ID was checked %d times", got)
		}
		c.Set(named(1))
		after(0)
		expect(t, f, "a unknown>up")
	})
}

// TestSlowStartOfALateComerThatIsNotWellAtFirst: its weight is small until it has
// been up for the first time, and grows from then on.
func TestSlowStartOfALateComerThatIsNotWellAtFirst(t *testing.T) {
	watch(t, healthcheck.Config{SlowStart: 10 * time.Second}, named(2), func(f *fleet, c *healthcheck.Checker) {
		f.said()
		f.becomes("c", errSick)
		c.Set(named(3))
		after(0)
		expect(t, f, "c weight 0.10", "c unknown>suspect")
		f.becomes("c", nil)
		after(20 * time.Second)
		lines := f.said()
		if len(lines) < 3 || lines[0] != "c weight 0.10" || lines[1] != "c suspect>up" || lines[len(lines)-1] != "c weight 1.00" {
			t.Errorf("well a moment later: %q", lines)
		}
	})
}
