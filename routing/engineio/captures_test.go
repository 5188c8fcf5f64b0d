package engineio_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

const capturesDir = "../../testdata/captures"

// capture is what a real server answered, with its body dechunked and decompressed as a carrier would.
type capture struct {
	name    string
	method  string
	target  string
	query   engineio.Query
	upgrade bool
	status  int // 0 when the server did not answer at all
	body    []byte
}

func loadCaptures(tb testing.TB) []capture {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(capturesDir, "*.req"))
	if err != nil || len(paths) < 390 {
		tb.Fatalf("%d captures in %s (%v), want about 394", len(paths), capturesDir, err)
	}
	var all []capture
	for _, path := range paths {
		all = append(all, loadCapture(tb, strings.TrimSuffix(path, ".req")))
	}
	return all
}

func loadCapture(tb testing.TB, base string) capture {
	tb.Helper()
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(read(tb, base+".req"))))
	if err != nil {
		tb.Fatalf("%s.req: %v", base, err)
	}
	c := capture{
		name:    filepath.Base(base),
		method:  req.Method,
		target:  req.RequestURI,
		upgrade: req.Header.Get("Upgrade") == "websocket",
	}
	if c.query, err = engineio.ParseQuery([]byte(c.target)); err != nil {
		tb.Fatalf("%s: ParseQuery(%q): %v", c.name, c.target, err)
	}
	raw := read(tb, base+".http")
	if len(raw) == 0 {
		return c
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), req)
	if err != nil {
		tb.Fatalf("%s.http: %v", base, err)
	}
	defer resp.Body.Close()
	c.status = resp.StatusCode
	var body io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(resp.Body); err != nil {
			tb.Fatalf("%s.http: %v", base, err)
		}
	}
	if c.body, err = io.ReadAll(body); err != nil {
		tb.Fatalf("%s.http: %v", base, err)
	}
	return c
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// capturedBody returns the body of one capture by name.
func capturedBody(tb testing.TB, name string) []byte {
	tb.Helper()
	return loadCapture(tb, filepath.Join(capturesDir, name)).body
}

// opens tells whether a capture is a polling request without a sid.
func (c capture) opens() bool { return c.query.SID == "" && !c.upgrade }

var (
	sidInBody      = regexp.MustCompile(`\\?"sid\\?":\\?"([^"\\]+)`)
	intervalInBody = regexp.MustCompile(`\\?"pingInterval\\?":(\d+)`)
	timeoutInBody  = regexp.MustCompile(`\\?"pingTimeout\\?":(\d+)`)
)

func find(re *regexp.Regexp, body []byte) string {
	if m := re.FindSubmatch(body); m != nil {
		return string(m[1])
	}
	return ""
}

func TestEveryCapturedHandshakeIsFound(t *testing.T) {
	found := map[string]int{}
	for _, c := range loadCaptures(t) {
		h, v := engineio.ParseHandshake(c.body)
		if !c.opens() || c.status != 200 {
			if v == engineio.Found {
				t.Errorf("%s: status %d, found sid %q, want no handshake", c.name, c.status, h.SID)
			}
			continue
		}
		if v != engineio.Found {
			t.Errorf("%s: %v in %q", c.name, v, c.body)
			continue
		}
		framing := h.Framing.String()
		if h.JSONP {
			framing += " in jsonp"
		}
		found[framing]++
		if want := find(sidInBody, c.body); h.SID != want {
			t.Errorf("%s: sid %q, want %q", c.name, h.SID, want)
		}
		checkTimes(t, c, h)
		if h.JSONP != c.query.HasJSONP {
			t.Errorf("%s: JSONP %v, but the query has j: %v", c.name, h.JSONP, c.query.HasJSONP)
		}
	}
	want := map[string]int{
		"eio4-text": 41, "eio3-text": 56, "eio3-binary": 12,
		"eio4-text in jsonp": 1, "eio3-text in jsonp": 10, "eio3-binary in jsonp": 1,
	}
	for framing, n := range want {
		if found[framing] != n {
			t.Errorf("%d handshakes in %s, want %d", found[framing], framing, n)
		}
	}
	if len(found) != len(want) {
		t.Errorf("framings found: %v", found)
	}
}

func checkTimes(t *testing.T, c capture, h engineio.Handshake) {
	t.Helper()
	interval, err1 := time.ParseDuration(find(intervalInBody, c.body) + "ms")
	timeout, err2 := time.ParseDuration(find(timeoutInBody, c.body) + "ms")
	if err1 != nil || err2 != nil {
		t.Fatalf("%s: no times in %q", c.name, c.body)
	}
	if h.PingInterval != interval || h.PingTimeout != timeout {
		t.Errorf("%s: times %v, %v, want %v, %v", c.name, h.PingInterval, h.PingTimeout, interval, timeout)
	}
}

// TestCapturedHandshakesArriveByteByByte is a caller that sees a reply grow: it is told to wait until the sid is certain,
// and never anything else afterwards.
func TestCapturedHandshakesArriveByteByByte(t *testing.T) {
	for _, c := range loadCaptures(t) {
		whole, want := engineio.ParseHandshake(c.body)
		decided := false
		for n := range c.body {
			h, v := engineio.ParseHandshake(c.body[:n])
			if v == engineio.NeedMore && !decided {
				continue
			}
			decided = true
			if v != want || h != whole {
				t.Errorf("%s: after %d bytes %v %+v, whole %v %+v", c.name, n, v, h, want, whole)
				break
			}
		}
	}
}

// refusals says of which captures the recogniser must be true; the first row that matches counts.
var refusals = []struct {
	why     string
	name    string
	unknown bool
}{
	{"Python 3 looks at the sid before the transport", `^pyaiohttp-3\.14\.2-badtransport-`, true},
	{"all others say that the transport is unknown", `-badtransport-`, false},
	{"ASGI refuses an upgrade with an empty 403 whatever the reason", `^pyasgi-.*-ws(-origin)?$`, true},
	{"Python looks at the origin before the sid", `^py.*-origin$`, false},
	{"googollee answers polls of a session that it has just closed", `^googollee-.*-afterclose-`, false},
	{"Python 3 fails with 500 on a session that it has just closed", `^pyaiohttp-3\.14\.2-afterclose-`, false},
	{"every server tells a sid that it does not know, or no longer", `-(unksid|afterclose)-`, true},
	{"the sid is known, or there is none", ``, false},
}

func TestEveryCapturedRefusalIsRecognised(t *testing.T) {
	seen := make([]int, len(refusals))
	for _, c := range loadCaptures(t) {
		for i, row := range refusals {
			if !regexp.MustCompile(row.name).MatchString(c.name) {
				continue
			}
			seen[i]++
			// pyasgi refuses an EIO=3 handshake by an upgrade the same way, but it carries no sid.
			want := row.unknown && c.query.SID != ""
			if got := engineio.IsUnknownSID(c.status, c.body, c.query.SID, c.upgrade); got != want {
				t.Errorf("%s: unknown sid %v, want %v, for %s: %d %q", c.name, got, want, row.why, c.status, c.body)
			}
			break
		}
	}
	for i, n := range seen {
		if n == 0 {
			t.Errorf("no capture for %q", refusals[i].why)
		}
	}
}

func TestACapturedRefusalOfAnotherSIDIsNotRecognised(t *testing.T) {
	for _, c := range loadCaptures(t) {
		if c.query.SID == "" || !bytes.Contains(c.body, []byte(c.query.SID)) {
			continue
		}
		if engineio.IsUnknownSID(c.status, c.body, c.query.SID+"x", c.upgrade) {
			t.Errorf("%s: %q taken for a refusal of %q", c.name, c.body, c.query.SID+"x")
		}
	}
}

func TestOnlyRepliesWithinASessionProveItsOwner(t *testing.T) {
	owners := map[string]bool{
		"pywsgi-4.3.4-known-eio4-get":         true,
		"pywsgi-4.3.4-known-eio4-post":        true,
		"googollee-1.7.0-afterclose-eio3-get": true, // its sids are counters: nothing about it can be proved
		"googollee-1.7.0-afterclose-eio4-get": true,
	}
	for _, c := range loadCaptures(t) {
		if got := engineio.ProvesOwner(c.method, c.status, c.body); got != owners[c.name] {
			t.Errorf("%s: proves owner %v, want %v: %d %q", c.name, got, owners[c.name], c.status, c.body)
		}
	}
}
