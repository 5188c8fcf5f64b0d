package main_test

import (
	"encoding/json"
	"os/exec"
	"testing"
	"time"
)

// TestBrowserAcrossSites opens a page of one site whose sockets go through
// holdfast on another, in a Chromium that keeps third-party cookies from both:
// neither holdfast's cookie nor a server's ever comes back, and nothing breaks.
func TestBrowserAcrossSites(t *testing.T) {
	backends := startBackends(t, "js4", 3, "--third-party-cookie")
	p := startProxy(t, proxyConfig{Backends: backends})
	tests := map[string]struct {
		transport string
		args      []string
	}{
		"polling, then upgrade": {"websocket", []string{"--mode", "default"}},
		"polling only":          {"polling", []string{"--mode", "polling"}},
		"polling only, each request with a preflight": {"polling", []string{"--mode", "polling", "--preflight"}},
		"websocket only": {"websocket", []string{"--mode", "websocket"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := startBrowser(t, p.url(), test.args...)
			for _, problem := range b.summary(t).problems(test.transport) {
				t.Error(problem)
			}
			for _, l := range b.find(fields{"event": "console"}) {
				if !b.closing(l) {
					t.Errorf("the browser's console: %s", l.str("message"))
				}
			}
		})
	}
	if n := cookiesReturned(backends); n != 0 {
		t.Errorf("%d requests brought the third-party cookie back: the browser was to block it", n)
	}
	if len(preflights(backends)) == 0 {
		t.Error("no preflight reached a backend")
	}
}

// TestBrowserReturnsCookies is the control: the same browser with third-party
// cookies allowed does return the server's, so the test above sees them blocked.
func TestBrowserReturnsCookies(t *testing.T) {
	backends := startBackends(t, "js4", 1, "--third-party-cookie")
	b := startBrowser(t, backends[0].url(), "--cookies", "allowed")
	b.summary(t)
	if cookiesReturned(backends) == 0 {
		t.Error("no request brought the third-party cookie back though the browser allows it")
	}
}

// browser is a page with clients in a headless Chromium.
type browser struct{ *process }

// closing says that the page had begun to close its sockets when it said l. A
// close packet may overtake the poll that the client has just sent on another
// connection; the server then rightly denies the session.
func (b *browser) closing(l line) bool {
	for _, left := range b.find(fields{"event": "disconnect", "reason": "io client disconnect"}) {
		if !l.at().Before(left.at()) {
			return true
		}
	}
	return false
}

func startBrowser(t *testing.T, url string, args ...string) *browser {
	t.Helper()
	dir := socketIODir(t)
	chromium, err := exec.LookPath("chromium")
	require(t, err == nil, "chromium is not installed")
	command := append([]string{dir + "/browser.js", "--chromium", chromium, "--url", url}, args...)
	return &browser{start(t, "browser", "node", command...)}
}

// summary waits until the page's clients are done and the browser is closed.
func (b *browser) summary(t *testing.T) summary {
	t.Helper()
	l := b.wait(t, time.Minute, fields{"event": "summary"})
	var s summary
	if err := json.Unmarshal([]byte(l.text), &s); err != nil {
		t.Fatal(err)
	}
	if code := b.waitExit(t, 20*time.Second); code != 0 {
		t.Errorf("the browser's process ended with %d", code)
	}
	return s
}

// cookiesReturned counts the requests that carried a cookie of the test server.
func cookiesReturned(backends []*backend) int {
	n := 0
	for _, b := range backends {
		for _, l := range b.find(fields{"event": "request"}) {
			n += count(l.str("cookie") != "")
		}
	}
	return n
}

func preflights(backends []*backend) []line {
	var all []line
	for _, b := range backends {
		all = append(all, b.find(fields{"event": "preflight"})...)
	}
	return all
}
