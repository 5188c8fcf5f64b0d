package healthcheck

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// testRules are the defaults.
var testRules = rules{rise: 2, fall: 3, maxFails: 5, failTimeout: 10 * time.Second, stable: time.Minute}

// clients are who gets a bad reply in the scripts below.
var clients = map[string]netip.Addr{
	"ann":        netip.MustParseAddr("192.0.2.1"),
	"ann-mapped": netip.MustParseAddr("::ffff:192.0.2.1"),
	"bob":        netip.MustParseAddr("192.0.2.2"),
	"cy-1":       netip.MustParseAddr("2001:db8::1"),
	"cy-2":       netip.MustParseAddr("2001:db8::2"),
	"dee":        netip.MustParseAddr("2001:db8:0:1::1"),
	"nobody":     {},
}

// TestVerdict walks through every transition. A script is a row of
// event:status, the status being the one after the event. Events: pass, fail
// and refuse are checks; dial is a client's dial that failed; bad@NAME is a
// bad reply to NAME; served is a good one; +10s lets time pass.
func TestVerdict(t *testing.T) {
	for rule, script := range map[string]string{
		// Start.
		"a first good check makes a backend up without waiting for rise":     "pass:up",
		"a first bad check takes new sessions away without waiting for fall": "fail:suspect",
		"a first refused check does so too":                                  "refuse:suspect",
		"only fall bad checks make a backend down, from the start":           "fail:suspect fail:suspect fail:down",
		"after a bad first check it takes rise good ones":                    "fail:suspect pass:suspect pass:up",
		"a client's failed dial before the first check is an outcome, too":   "dial:suspect pass:suspect pass:up",
		"good traffic and bad replies before the first check decide nothing": "served:unknown bad@ann:unknown bad@bob:unknown bad@ann:unknown bad@bob:unknown bad@ann:unknown bad@bob:unknown pass:up",
		"time alone decides nothing":                                         "+1h:unknown pass:up +1h:up",
		"a refused first check and two that time out are fall bad checks":    "refuse:suspect fail:suspect fail:down",
		"good and bad checks by turns from the start keep new sessions away": "fail:suspect pass:suspect fail:suspect pass:suspect fail:suspect",
		"a backend that is up stays so through fewer than fall bad checks":   "pass:up fail:up fail:up pass:up",
		"fall bad checks make it down":                                       "pass:up fail:up fail:up fail:down",
		"good and bad checks by turns change nothing while it is up":         "pass:up fail:up pass:up fail:up fail:up pass:up fail:up fail:up pass:up",
		"a refused check takes new sessions away at once":                    "pass:up refuse:suspect",
		"a refused check counts for fall like any other":                     "pass:up refuse:suspect refuse:suspect refuse:down",
		"a late refusal among bad checks counts once":                        "pass:up fail:up refuse:suspect fail:down",
		"a down backend needs rise good checks in a row":                     "pass:up fail:up fail:up fail:down pass:down fail:down pass:down pass:up",
		"a down backend stays down whatever else happens":                    "fail:suspect fail:suspect fail:down fail:down refuse:down dial:down served:down bad@ann:down bad@bob:down +1h:down",
		"a failed dial takes new sessions away at once":                      "pass:up dial:suspect",
		"failed dials alone never make a backend down":                       "pass:up dial:suspect dial:suspect dial:suspect dial:suspect dial:suspect dial:suspect",
		"a suspect comes back after rise good checks":                        "pass:up dial:suspect pass:suspect pass:up",
		"a failed dial makes a suspect begin again":                          "pass:up dial:suspect pass:suspect dial:suspect pass:suspect pass:up",
		"a bad check makes a suspect begin again":                            "pass:up dial:suspect pass:suspect fail:suspect pass:suspect pass:up",
		"a suspect becomes down after fall bad checks only":                  "pass:up dial:suspect fail:suspect fail:suspect fail:down",
		"bad checks before the failed dial count for fall":                   "pass:up fail:up fail:up dial:suspect fail:down",
		"time does not clear a suspect":                                      "pass:up dial:suspect +1h:suspect",
		"good traffic does not clear a suspect":                              "pass:up dial:suspect served:suspect served:suspect served:suspect",

		// Flapping.
		"a relapse within the stable time doubles rise":        "pass:up dial:suspect pass:suspect pass:up dial:suspect pass:suspect pass:suspect pass:suspect pass:up",
		"a relapse out of down doubles it as well":             "pass:up refuse:suspect fail:suspect fail:down pass:down pass:up fail:up fail:up fail:down pass:down pass:down pass:down pass:up",
		"the first failure after the start is no relapse":      "pass:up +1s:up dial:suspect pass:suspect pass:up",
		"a failure after the stable time is a first one again": "pass:up dial:suspect pass:suspect pass:up +1m:up dial:suspect pass:suspect pass:up",
		"down after suspect is one relapse, not two":           "pass:up dial:suspect pass:suspect pass:up refuse:suspect refuse:suspect refuse:down pass:down pass:down pass:down pass:up",

		// Ejection.
		"max-fails bad replies in a row eject":                                     "pass:up bad@ann:up bad@bob:up bad@ann:up bad@bob:up bad@ann:ejected",
		"a good reply in between begins the row anew":                              "pass:up bad@ann:up bad@bob:up bad@ann:up bad@bob:up served:up bad@ann:up bad@bob:up",
		"one client alone never ejects":                                            "pass:up bad@ann:up bad@ann:up bad@ann:up bad@ann:up bad@ann:up bad@ann:up bad@ann:up bad@ann:up",
		"one client counts at most every other time":                               "pass:up bad@ann:up bad@ann:up bad@ann:up bad@bob:up bad@ann:up bad@ann:up bad@bob:up bad@ann:ejected",
		"an IPv4 client is the same when written as IPv6":                          "pass:up bad@ann:up bad@ann-mapped:up bad@ann:up bad@ann-mapped:up bad@ann:up bad@ann-mapped:up",
		"an IPv6 client is its /64":                                                "pass:up bad@cy-1:up bad@cy-2:up bad@cy-1:up bad@cy-2:up bad@cy-1:up bad@cy-2:up",
		"two /64 are two clients":                                                  "pass:up bad@cy-1:up bad@dee:up bad@cy-2:up bad@dee:up bad@cy-1:ejected",
		"bad replies to nobody known all count":                                    "pass:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:ejected",
		"bad replies spread wider than fail-timeout do not add up":                 "pass:up bad@ann:up bad@bob:up +6s:up bad@ann:up +6s:up bad@bob:up bad@ann:up bad@bob:up bad@ann:up bad@bob:ejected",
		"good checks do not end an ejection, time does":                            "pass:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:ejected pass:ejected pass:ejected +9s:ejected +1s:up",
		"good traffic of live sessions does not end it either":                     "pass:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:ejected served:ejected",
		"bad replies of live sessions do not prolong it":                           "pass:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:ejected bad@nobody:ejected bad@ann:ejected bad@bob:ejected bad@ann:ejected bad@bob:ejected +10s:up bad@nobody:up",
		"an ejected backend becomes down by checks only, and is not ejected after": "pass:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:ejected fail:ejected fail:ejected fail:down pass:down pass:up",
		"a failed dial makes an ejected backend suspect, then ejected again":       "pass:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:ejected dial:suspect pass:suspect pass:ejected +10s:up",
		"an ejection that ends under a suspect leaves the suspect":                 "pass:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:ejected dial:suspect +10s:suspect pass:suspect pass:up",
		"bad replies do not count while suspect":                                   "pass:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up dial:suspect bad@nobody:suspect bad@nobody:suspect",
		"bad replies before a fall are forgotten with it":                          "pass:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up fail:up fail:up fail:down pass:down pass:up bad@nobody:up",
		"a second ejection lasts twice as long":                                    "pass:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:ejected +10s:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:ejected +19s:ejected +1s:up",
		"a hundred seconds without an ejection forgive the earlier ones":           "pass:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:ejected +10s:up +101s:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:up bad@nobody:ejected +9s:ejected +1s:up",
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			v := verdict{rules: testRules}
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for i, step := range strings.Fields(script) {
				event, want, _ := strings.Cut(step, ":")
				now = play(t, &v, event, now)
				if got := v.status().String(); got != want {
					t.Fatalf("step %d, %s: %s, want %s", i+1, event, got, want)
				}
			}
		})
	}
}

// play gives one event to v and returns the time after it. Ejections are all
// granted.
func play(t *testing.T, v *verdict, event string, now time.Time) time.Time {
	t.Helper()
	if length, ok := strings.CutPrefix(event, "+"); ok {
		d, err := time.ParseDuration(length)
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(d)
		v.tick(now)
		return now
	}
	name, client, _ := strings.Cut(event, "@")
	switch name {
	case "pass":
		v.passed(now)
	case "fail":
		v.failed(false, now)
	case "refuse":
		v.failed(true, now)
	case "dial":
		v.dialFailed(now)
	case "served":
		v.served()
	case "bad":
		who, ok := clients[client]
		if !ok {
			t.Fatalf("no client %q", client)
		}
		if v.badReply(who, now) {
			v.eject(now)
		}
	default:
		t.Fatalf("no event %q", event)
	}
	return now
}

func TestEjectionsDoubleUpToTenTimes(t *testing.T) {
	v := verdict{rules: testRules, health: Up}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, want := range []time.Duration{10, 20, 40, 80, 100, 100, 100} {
		v.eject(now)
		if got := v.ejectedUntil.Sub(now); got != want*time.Second {
			t.Errorf("ejection %d lasts %v, want %v", i+1, got, want*time.Second)
		}
		now = v.ejectedUntil
		v.tick(now)
	}
}

func TestRiseDoublesUpToEightTimes(t *testing.T) {
	v := verdict{rules: testRules}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	v.passed(now)
	for i, want := range []int{2, 4, 8, 16, 16, 16} {
		v.dialFailed(now)
		passes := 0
		for v.status() != Up {
			v.passed(now)
			passes++
		}
		if passes != want {
			t.Errorf("recovery %d took %d good checks, want %d", i+1, passes, want)
		}
	}
}

func TestOnlyTheFirstFailedDialAsksForACheck(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		health Status
		want   bool
	}{
		"an up backend is checked at once":                 {Up, true},
		"an unknown backend is checked at once":            {Unknown, true},
		"a suspect is checked fast already":                {Suspect, false},
		"a down backend is not, whoever still dials there": {Down, false},
	} {
		v := verdict{rules: testRules, health: c.health}
		if got := v.dialFailed(now); got != c.want {
			t.Errorf("%s: checkNow %v, want %v", name, got, c.want)
		}
	}
}

func TestDoubtIsWhereTheNextCheckMayDecide(t *testing.T) {
	for name, c := range map[string]struct {
		v    verdict
		want bool
	}{
		"unknown":                        {verdict{}, true},
		"up":                             {verdict{health: Up, passes: 7}, false},
		"up with a bad check":            {verdict{health: Up, fails: 1}, true},
		"suspect":                        {verdict{health: Suspect}, true},
		"down":                           {verdict{health: Down, fails: 9}, false},
		"down with a good check":         {verdict{health: Down, passes: 1}, true},
		"ejected, while checks are good": {verdict{health: Up, ejectedUntil: time.Unix(9, 0)}, false},
	} {
		if got := c.v.inDoubt(); got != c.want {
			t.Errorf("%s: in doubt %v, want %v", name, got, c.want)
		}
	}
}

func TestNoEjectionWhereMaxFailsIsNegative(t *testing.T) {
	r := testRules
	r.maxFails = -1
	v := verdict{rules: r, health: Up}
	for range 1000 {
		if v.badReply(netip.Addr{}, time.Unix(0, 0)) {
			t.Fatal("asked for an ejection")
		}
	}
}

func TestStatusNames(t *testing.T) {
	for s, want := range map[Status]string{
		Unknown: "unknown", Up: "up", Suspect: "suspect", Ejected: "ejected", Down: "down", 99: "invalid",
	} {
		if got := s.String(); got != want {
			t.Errorf("Status(%d) is %q, want %q", s, got, want)
		}
	}
}

func TestRampIsAStraightLineAboveItsFloor(t *testing.T) {
	for elapsed, want := range map[time.Duration]float64{
		-time.Second: 0.1, 0: 0.1, time.Second: 0.1, 5 * time.Second: 0.5, 9 * time.Second: 0.9,
		10 * time.Second: 1, time.Hour: 1,
	} {
		if got := rampFactor(elapsed, 10*time.Second); got != want {
			t.Errorf("after %v: %v, want %v", elapsed, got, want)
		}
	}
}
