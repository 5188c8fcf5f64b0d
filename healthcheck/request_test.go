package healthcheck

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestRepliesOfRealServers reads what real servers of every kind answered to
// polls with an unknown sid, and to polls that they do not serve.
func TestRepliesOfRealServers(t *testing.T) {
	sidParam := regexp.MustCompile(`[?&]sid=([^& ]+)`)
	for pattern, want := range map[string]struct{ unknown, noPolls bool }{
		"*-unksid-eio4-get.http":                  {unknown: true},
		"*-unksid-eio3-get.http":                  {unknown: true},
		"eio*-badtransport-unksid-eio4.http":      {noPolls: true},
		"sio*-badtransport-unksid-eio4.http":      {noPolls: true},
		"zishang-*-badtransport-unksid-eio4.http": {noPolls: true},
		"pyasgi-*-badtransport-unksid-eio4.http":  {noPolls: true},
		"*-hs-eio4-polling.http":                  {},
	} {
		files, err := filepath.Glob("../testdata/captures/" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no captures (%v)", pattern, err)
		}
		for _, file := range files {
			got, err := readReply(bytes.NewReader(read(t, file)), withBody)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			sid := ""
			if m := sidParam.FindSubmatch(read(t, strings.TrimSuffix(file, "http")+"req")); m != nil {
				sid = string(m[1])
			}
			if unknown := SaysUnknownSID(got.status, got.body, sid); unknown != want.unknown {
				t.Errorf("%s: unknown sid %v, want %v: %d %q", file, unknown, want.unknown, got.status, got.body)
			}
			if noPolls := servesNoPolls(got.status, got.body); noPolls != want.noPolls {
				t.Errorf("%s: serves no polls %v, want %v: %d %q", file, noPolls, want.noPolls, got.status, got.body)
			}
		}
	}
}

func TestALongBodyIsNoBody(t *testing.T) {
	for size, want := range map[int]int{maxBody: maxBody, maxBody + 1: 0, 10 * maxBody: 0} {
		text := strings.Repeat("x", size)
		for framing, rest := range map[string]string{
			"a length":      fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, text),
			"chunks":        fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n1\r\nx\r\n0\r\n\r\n", size-1, text[1:]),
			"a closed line": "\r\n" + text,
		} {
			got, err := readReply(strings.NewReader("HTTP/1.1 400 Bad Request\r\n"+rest), withBody)
			if err != nil || got.status != 400 || len(got.body) != want {
				t.Errorf("%d bytes by %s: status %d, body of %d, %v; want 400, %d", size, framing, got.status, len(got.body), err, want)
			}
		}
	}
}

// endless sends a chunk extension that never ends, and counts.
type endless struct{ sent int }

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	if e.sent == 0 {
		n = copy(p, "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n5;")
	}
	for i := n; i < len(p); i++ {
		p[i] = 'x'
	}
	e.sent += len(p)
	return len(p), nil
}

func TestAReplyIsReadUpToABound(t *testing.T) {
	var e endless
	if _, err := readReply(&e, withBody); err == nil || e.sent > maxReply {
		t.Errorf("read %d bytes, %v; want an error after at most %d", e.sent, err, maxReply)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestServesNoPolls(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   bool
	}{
		"JS says code 0":                         {400, `{"code":0,"message":"Transport unknown"}`, true},
		"Rust writes codes as strings":           {400, `{"message":"Transport unknown","code":"0"}`, true},
		"Python says it in words":                {400, `"Invalid transport"`, true},
		"code 1 is another refusal":              {400, `{"code":1,"message":"Session ID unknown"}`, false},
		"no code is not code 0":                  {400, `{"message":"Transport unknown"}`, false},
		"nor is null":                            {400, `{"code":null}`, false},
		"a list is no refusal":                   {400, `[{"code":0}]`, false},
		"nor is an empty body":                   {400, ``, false},
		"the status has to be that of a refusal": {200, `{"code":0,"message":"Transport unknown"}`, false},
	} {
		if got := servesNoPolls(c.status, []byte(c.body)); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestBogusSIDsAreSixteenCharactersAndNew(t *testing.T) {
	shape := regexp.MustCompile(`^[A-Za-z0-9_-]{16}$`)
	seen := map[string]bool{}
	letters := map[rune]bool{}
	for range 1000 {
		sid := bogusSID()
		if !shape.MatchString(sid) || seen[sid] {
			t.Fatalf("sid %q", sid)
		}
		seen[sid] = true
		for _, r := range sid {
			letters[r] = true
		}
	}
	if len(letters) != 64 {
		t.Errorf("%d different characters in 16000, want all 64", len(letters))
	}
}

func TestParseAddress(t *testing.T) {
	for raw, want := range map[string]string{
		"http://10.0.0.1:3000":      "tcp 10.0.0.1:3000 10.0.0.1:3000 tls=false",
		"http://web-1":              "tcp web-1:80 web-1 tls=false",
		"https://web-1":             "tcp web-1:443 web-1 tls=true",
		"https://web-1:8443/":       "tcp web-1:8443 web-1:8443 tls=true",
		"http://[2001:db8::1]:3000": "tcp [2001:db8::1]:3000 [2001:db8::1]:3000 tls=false",
		"unix:/run/web.sock":        "unix /run/web.sock localhost tls=false",
		"unix:///run/web.sock":      "unix /run/web.sock localhost tls=false",
		"unix:web.sock":             "want unix:/path/to.sock",
		"unix:":                     "want unix:/path/to.sock",
		"ftp://web-1":               "want http://host:port",
		"web-1:3000":                "want http://host:port",
		"https://]":                 "want http://host:port",
		"http://":                   "want http://host:port",
		"http://web 1":              "want http://host:port",
		"":                          "want http://host:port",
	} {
		a, err := parseAddress(raw)
		got := fmt.Sprintf("%s %s %s tls=%v", a.network, a.addr, a.host, a.tls)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", raw, got, want)
		}
	}
}

func TestRequestHeadSaysNoMoreThanItMust(t *testing.T) {
	got := string(requestHead("health?x=%2f//", "web.example"))
	want := "GET /health?x=%2f// HTTP/1.1\r\nHost: web.example\r\nUser-Agent: holdfast-healthcheck\r\nConnection: close\r\n\r\n"
	lines := func(s string) string { // but for the order of the fields
		l := strings.Split(s, "\r\n")
		return fmt.Sprint(l[0], len(l), strings.Contains(s, l[1]), strings.Contains(s, l[2]), strings.Contains(s, l[3]))
	}
	if lines(got) != lines(want) || len(got) != len(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhoseFaultAFailedCheckIs(t *testing.T) {
	for name, c := range map[string]struct {
		err          error
		own, refused bool
	}{
		"nothing listens":             {wrapped(syscall.ECONNREFUSED), false, true},
		"the socket's file is gone":   {wrapped(syscall.ENOENT), false, true},
		"the name is gone":            {&net.DNSError{IsNotFound: true}, false, true},
		"the name server is mute":     {&net.DNSError{IsTimeout: true}, true, false},
		"the name server has trouble": {fmt.Errorf("dial: %w", &net.DNSError{IsTemporary: true}), true, false},
		"no descriptors are left":     {wrapped(syscall.EMFILE), true, false},
		"none in the whole machine":   {wrapped(syscall.ENFILE), true, false},
		"no local ports are left":     {wrapped(syscall.EADDRNOTAVAIL), true, false},
		"no buffers are left":         {wrapped(syscall.ENOBUFS), true, false},
		"the connection was reset":    {wrapped(syscall.ECONNRESET), false, false},
		"the host is gone":            {wrapped(syscall.EHOSTUNREACH), false, false},
		"the reply was no good":       {errors.New("status 500"), false, false},
		"a good check":                {nil, false, false},
	} {
		if own, refused := isOwnError(c.err), isRefusal(c.err); own != c.own || refused != c.refused {
			t.Errorf("%s: own %v, refused %v; want %v, %v", name, own, refused, c.own, c.refused)
		}
	}
}

func wrapped(errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
}
