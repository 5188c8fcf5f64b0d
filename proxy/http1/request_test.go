package http1_test

import (
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

func TestLimits(t *testing.T) {
	const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, test := range map[string]struct {
		limits http1.Limits
		raw    string
		want   string // line of the refusal, "" when it passes
	}{
		"a head may have all the bytes allowed": {http1.Limits{HeadBytes: 27}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		"a head may not have one byte more":     {http1.Limits{HeadBytes: 26}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "head too large"},
		"a request line may not fill the head":  {http1.Limits{HeadBytes: 14}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "request target too long"},
		"a head may have all the fields":        {http1.Limits{Fields: 1}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		"a head may not have one field more":    {http1.Limits{Fields: 1}, "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n", "too many fields"},
		"a target may have all the bytes":       {http1.Limits{TargetBytes: 4}, "GET /abc HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		"a target may not have one byte more":   {http1.Limits{TargetBytes: 3}, "GET /abc HTTP/1.1\r\nHost: a\r\n\r\n", "request target too long"},
		"a length may be all the bytes":         {http1.Limits{BodyBytes: 5}, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", ""},
		"a length may not be one byte more":     {http1.Limits{BodyBytes: 4}, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "body too large"},
		"a chunk may have all the bytes":        {http1.Limits{BodyBytes: 5}, chunked + "5\r\nhello\r\n0\r\n\r\n", ""},
		"chunks may have all the bytes":         {http1.Limits{BodyBytes: 5}, chunked + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", ""},
		"a chunk may not have one byte more":    {http1.Limits{BodyBytes: 4}, chunked + "5\r\nhello\r\n0\r\n\r\n", "body too large"},
		"chunks may not have one byte more":     {http1.Limits{BodyBytes: 4}, chunked + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "body too large"},
		"a huge chunk is refused by its size":   {http1.Limits{BodyBytes: 4}, chunked + "7fffffffffffffff\r\n", "body too large"},
	} {
		t.Run(name, func(t *testing.T) {
			var r http1.Request
			n, err := r.Parse([]byte(test.raw), 0, test.limits)
			if err == nil && n > 0 {
				err = drain(&r.Body, []byte(test.raw[n:]))
			}
			got := ""
			if err != nil {
				got = err.Line
			}
			if got != test.want || n == 0 && err == nil {
				t.Errorf("n = %d, refused with %q, want %q", n, got, test.want)
			}
		})
	}
}

// drain decodes all of buf.
func drain(b *http1.Body, buf []byte) *http1.Error {
	for {
		_, n, err := b.Next(buf)
		if n == 0 || err != nil {
			return err
		}
		buf = buf[n:]
	}
}

func TestRefusalOfAReadableRequestLeavesTheConnectionUsable(t *testing.T) {
	const trace, next = "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	var r http1.Request
	n, err := r.Parse([]byte(trace+next), 0, http1.Limits{})
	if err == nil || err.Close || n != len(trace) {
		t.Fatalf("n = %d, err = %+v", n, err)
	}
	if n, err = r.Parse([]byte(next), 0, http1.Limits{}); err != nil || n != len(next) {
		t.Fatalf("next: n = %d, err = %v", n, err)
	}
}

func TestUsedRequestRemembersNothing(t *testing.T) {
	first := []byte("\r\nPOST http://b?q HTTP/1.1\r\nHost: a\r\nCookie: secret\r\nExpect: 100-continue\r\n" +
		"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
	second := []byte("GET / HTTP/1.0\r\n\r\n")
	var used, fresh http1.Request
	if n, err := used.Parse(first, 0, http1.Limits{}); n != len(first) || err != nil {
		t.Fatal(n, err)
	}
	for _, r := range []*http1.Request{&used, &fresh} {
		if n, err := r.Parse(second, 0, http1.Limits{}); n != len(second) || err != nil {
			t.Fatal(n, err)
		}
	}
	if used.Has(http1.Cookie) || used.Value(http1.Cookie) != nil || len(used.Fields) != 0 || used.Host != nil {
		t.Errorf("%+v", &used)
	}
	if used.Body != fresh.Body || used.KeepAlive != fresh.KeepAlive || used.Expect || string(used.Target) != "/" {
		t.Errorf("used %+v\nfresh %+v", &used, &fresh)
	}
}

func TestValueIsThatOfTheFirstField(t *testing.T) {
	var r http1.Request
	head := []byte("GET / HTTP/1.1\r\nHost: a\r\ncookie: b=1\r\nCookie: c=2\r\nUSER-AGENT: Mozilla/5.0\r\n\r\n")
	if n, err := r.Parse(head, 0, http1.Limits{}); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	if got := string(r.Value(http1.Cookie)); got != "b=1" {
		t.Errorf("Cookie = %q", got)
	}
	if got := string(r.Value(http1.UserAgent)); got != "Mozilla/5.0" {
		t.Errorf("User-Agent = %q", got)
	}
	if r.Value(http1.Origin) != nil || r.Has(http1.Origin) {
		t.Error("an Origin out of nothing")
	}
}

func TestParseDoesNotWriteIntoTheBuffer(t *testing.T) {
	head := "GET http://b?q HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\nConnection: X\r\nX: y\r\n\r\n"
	buf := []byte(head)
	var r http1.Request
	if n, err := r.Parse(buf, 0, http1.Limits{}); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	_ = append(r.Target, "overwritten"...)
	_ = append(r.Method, "overwritten"...)
	_ = append(r.Host, "overwritten"...)
	if string(buf) != head {
		t.Errorf("buffer is now %q", buf)
	}
}

// TestSeenMayBeAnything shows that a wrong seen can delay a verdict but not change it, nor end in a panic.
func TestSeenMayBeAnything(t *testing.T) {
	head := []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	for _, seen := range []int{-1, 0, 1, len(head) - 1, len(head), len(head) + 1, 1 << 40} {
		var r http1.Request
		if n, err := r.Parse(head, seen, http1.Limits{}); err != nil || n != len(head) {
			t.Errorf("seen %d: n = %d, err = %v", seen, n, err)
		}
		if n, err := r.Parse(nil, seen, http1.Limits{}); err != nil || n != 0 {
			t.Errorf("seen %d of nothing: n = %d, err = %v", seen, n, err)
		}
	}
}

func TestKnownFields(t *testing.T) {
	for name, want := range map[string]http1.FieldID{
		"Host":                          http1.Host,
		"HOST":                          http1.Host,
		"hosts":                         http1.Unknown,
		"Content-Length":                http1.ContentLength,
		"Sec-WebSocket-Key":             http1.SecWebSocketKey,
		"Set-Cookie":                    http1.SetCookie,
		"Proxy-Authentication-Info":     http1.ProxyAuthenticationInfo,
		"A-name-longer-than-known-ones": http1.Unknown,
		"X-Forwarded-For":               http1.XForwardedFor,
		"x-forwarded-proto":             http1.XForwardedProto,
		"X-Forwarded-Port":              http1.XForwardedOther,
		"X-Forwarded-":                  http1.Unknown,
		"X-Forwarded":                   http1.Unknown,
		"X_Forwarded_For":               http1.ForwardedLookAlike,
		"X-Forwarded_For":               http1.ForwardedLookAlike,
		"X_FORWARDED_PREFIX":            http1.ForwardedLookAlike,
		"X_Real_IP":                     http1.ForwardedLookAlike,
		"X-Real-IP":                     http1.XRealIP,
		"Forwarded":                     http1.Forwarded,
		"User_Agent":                    http1.Unknown,
		"Keep_Alive":                    http1.Unknown,
	} {
		var r http1.Response
		head := []byte("HTTP/1.1 304 X\r\n" + name + ": 1\r\n\r\n")
		if n, err := r.Parse(head, 0, false, http1.Limits{}); n != len(head) || err != nil {
			t.Errorf("%s: n = %d, err = %v", name, n, err)
			continue
		}
		if got := r.Fields[0].ID; got != want {
			t.Errorf("%s is field %d, want %d", name, got, want)
		}
		if !r.Has(want) || string(r.Value(want)) != "1" {
			t.Errorf("%s cannot be found", name)
		}
	}
}
