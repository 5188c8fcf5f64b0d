package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// asking is a question to a running holdfast and what must come of it.
type asking struct {
	args           []string // ADMIN stands for the running holdfast's admin listener
	code           int
	stdout, stderr string // regular expressions for all of it, "": nothing
}

func (a asking) check(t *testing.T, admin string) {
	t.Helper()
	args := strings.Split(strings.ReplaceAll(strings.Join(a.args, "\x00"), "ADMIN", admin), "\x00")
	stdout, stderr, code := runCommand(t, args...)
	if code != a.code {
		t.Errorf("exit code %d, want %d", code, a.code)
	}
	for _, stream := range []struct{ got, want string }{{stdout, a.stdout}, {stderr, a.stderr}} {
		if !regexp.MustCompile("^(?s:" + stream.want + ")$").MatchString(stream.got) {
			t.Errorf("got:\n%swant:\n%s", stream.got, stream.want)
		}
	}
}

func TestExplain(t *testing.T) {
	engine, end := startEngine(t)
	defer close(end)
	p, admin := adminProxy(t, engine.URL)
	if status := fetchStatus(t, p.url()+"/socket.io/?EIO=4&transport=polling"); status != http.StatusOK {
		t.Fatalf("handshake: status %d", status)
	}
	go fetchStatus(t, p.url()+"/socket.io/?EIO=4&transport=polling&sid="+knownSID)
	waitMetric(t, admin, `holdfast_sessions{place="held"} 1`)
	stranger := httptest.NewServer(http.NotFoundHandler())
	defer stranger.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<p>hello") }))
	defer page.Close()
	for name, c := range map[string]asking{
		"a known session": {
			[]string{"explain", "--admin", "ADMIN", "--", knownSID}, 0,
			`sid        -lv_VI97HAXpY6yYWAAAC
backend    web-1 \(http://127.0.0.1:\d+\), up
pin        learned: its handshake passed through here
since      20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ \(\d+s ago\)
last used  \d+s ago
protocol   EIO=4
open       1 poll, 0 tunnels
ttl        45s without a request
`, "",
		},
		"the answer as it is":   {[]string{"explain", "--admin", "ADMIN", "--json", "--", knownSID}, 0, `\{"sid":"-lv_VI97HAXpY6yYWAAAC",.*\}\n`, ""},
		"an unknown session":    {[]string{"explain", "--admin", "ADMIN", "x/../y z"}, 1, "", "holdfast: no session of that sid is known here\n"},
		"the same as it is":     {[]string{"explain", "--admin", "ADMIN", "--json", "x"}, 1, `\{"error":"no session of that sid is known here"\}\n`, "holdfast: no session .*"},
		"nobody there":          {[]string{"explain", "--admin", "127.0.0.1:1", "x"}, 1, "", `holdfast: --admin "127.0.0.1:1": no holdfast answers there: dial tcp .* connection refused\n`},
		"no socket there":       {[]string{"explain", "--admin", "unix:/nowhere/x.sock", "x"}, 1, "", `holdfast: --admin "unix:/nowhere/x.sock": no holdfast answers there: dial unix .*`},
		"somebody else there":   {[]string{"explain", "--admin", stranger.Listener.Addr().String(), "x"}, 1, "", `holdfast: .* is not holdfast's .* \(status 404\)\n`},
		"a page there":          {[]string{"explain", "--admin", page.Listener.Addr().String(), "x"}, 1, "", `holdfast: .* is not holdfast's .*\n`},
		"no sid":                {[]string{"explain", "--admin", "ADMIN"}, 2, "", "holdfast: explain: want one sid.*\n"},
		"flags behind the sid":  {[]string{"explain", "x", "--json"}, 2, "", "holdfast: explain: want one sid, behind the flags.*\n"},
		"a sid like a flag":     {[]string{"explain", knownSID}, 2, "", "holdfast: .* a sid that begins with - goes behind --.*\n"},
		"no admin listener":     {[]string{"explain", "--admin", "", "x"}, 2, "", `holdfast: --admin "": want HOST:PORT or unix:/PATH .*\n`},
		"help":                  {[]string{"explain", "--help"}, 0, "holdfast explain says .*--admin ADDR .*--json .*Exit code 0.*", ""},
		"help of the other one": {[]string{"status", "--help"}, 0, "holdfast status says .*--admin ADDR .*--json .*Exit code 0.*", ""},
	} {
		t.Run(name, func(t *testing.T) { c.check(t, admin) })
	}
}

func TestStatus(t *testing.T) {
	engine, end := startEngine(t)
	defer close(end)
	socket := "unix:" + t.TempDir() + "/admin.sock"
	p := startProxy(t, proxyConfig{Args: []string{"--admin", socket, "--backend", "web-1=" + engine.URL, "--health-interval", "50ms"}})
	if status := fetchStatus(t, p.url()+"/socket.io/?EIO=4&transport=polling"); status != http.StatusOK {
		t.Fatalf("handshake: status %d", status)
	}
	p.waitLog(t, 10*time.Second, "backend up", fields{"backend": "web-1"})
	asking{
		[]string{"status", "--admin", "ADMIN"}, 0,
		`holdfast \S+, ready, running for \d+s
\d connections?, 0 requests under way, 0 tunnels
1 session known \(0 held, 0 proven, 1 unproven\), 0 evicted, 0 not stored
0 searches, 0 asked, 0 found

BACKEND  STATE  SESSIONS  IN FLIGHT  WEIGHT  URL +HEALTH
web-1    up     1         0          1       http://127.0.0.1:\d+  up for \d+s
`, "",
	}.check(t, socket)
	asking{[]string{"status", "--admin", "ADMIN", "now"}, 2, "", "holdfast: status: unexpected argument \"now\"\n"}.check(t, socket)

	engine.Close()
	p.waitLog(t, 10*time.Second, "backend down", fields{"backend": "web-1"})
	asking{
		[]string{"status", "--admin", "ADMIN"}, 1,
		`holdfast \S+, not ready, .*\nweb-1    down   0         0          1       http://127.0.0.1:\d+  down for \d+s: .*refused\n`,
		"holdfast: not ready: no backend is up\n",
	}.check(t, socket)
	stdout, _, code := runCommand(t, "status", "--admin", socket, "--json")
	var s struct {
		Ready    bool
		Backends []struct{ State string }
	}
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != 1 || s.Ready || len(s.Backends) != 1 || s.Backends[0].State != "down" {
		t.Errorf("exit code %d, stdout %s; want 1 and JSON that says so", code, stdout)
	}
}
