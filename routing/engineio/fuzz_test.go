package engineio_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// FuzzParseQuery. Whatever the target:
//   - an accepted one names each of sid, EIO and transport as often and with the same value as net/url sees it;
//   - Param agrees about the sid; a sid is never too long;
//   - a Query that has been used before ends as a new one does.
func FuzzParseQuery(f *testing.F) {
	for _, c := range loadCaptures(f) {
		f.Add([]byte(c.target))
	}
	for _, query := range []string{"s%69d=a&sid=b", "sid=%4&j=%zz", "sid=a;sid=b", "sid=a#&EIO=4", "sid=a+b%2B&b64=1&&="} {
		f.Add([]byte("/?" + query))
	}
	f.Fuzz(func(t *testing.T, target []byte) {
		q, err := engineio.ParseQuery(target)
		used := engineio.Query{SID: "old", EIO: 3, HasEIO: true, Transport: "old", JSONP: "1", HasJSONP: true, B64: true}
		if usedErr := used.Parse(target); used != q || usedErr != err {
			t.Errorf("new %+v %v, used %+v %v", q, err, used, usedErr)
		}
		if len(q.SID) > engineio.MaxSID {
			t.Errorf("sid of %d bytes", len(q.SID))
		}
		if err != nil {
			return
		}
		if sid, _ := engineio.Param(target, "sid"); sid != q.SID {
			t.Errorf("sid %q, Param %q", q.SID, sid)
		}
		agreesWithURL(t, target, q)
	})
}

// agreesWithURL compares an accepted query with net/url's reading of it, as far as that has one.
func agreesWithURL(t *testing.T, target []byte, q engineio.Query) {
	t.Helper()
	_, raw, _ := strings.Cut(string(target), "?")
	// An error means that net/url has left out parameters; it never leaves out ours, for we refuse what it would.
	values, _ := url.ParseQuery(raw)
	for name, want := range map[string]string{"sid": q.SID, "transport": q.Transport} {
		if got := values[name]; len(got) > 1 || values.Get(name) != want {
			t.Errorf("%s: net/url reads %q, ParseQuery %q", name, got, want)
		}
	}
	if got := values["EIO"]; len(got) > 1 || (len(got) == 1) != q.HasEIO {
		t.Errorf("EIO: net/url reads %q, ParseQuery %v", got, q.HasEIO)
	}
}

// FuzzParseHandshake. Whatever the body:
//   - a verdict other than NeedMore is final: more bytes change neither it nor the handshake;
//   - a sid that is found is 1 to MaxSID bytes of UTF-8, and times are not negative;
//   - the whole of 64 KiB is decided;
//   - a reply that opens a session never proves the owner of another.
func FuzzParseHandshake(f *testing.F) {
	for _, c := range loadCaptures(f) {
		if c.opens() && c.status == 200 {
			f.Add(c.body, uint(len(c.body)/2))
		}
	}
	f.Add([]byte(`___eio[0]("13:0{\"sid\":\"\ud83d\ude00\"}");`), uint(30))
	f.Add([]byte(`0{"x":{"sid":"no"},"sid":17,"sid":"\u0061"}`), uint(20))
	f.Add([]byte("412:30"), uint(2))
	f.Fuzz(func(t *testing.T, body []byte, cut uint) {
		whole, want := engineio.ParseHandshake(body)
		n := int(cut % uint(len(body)+1))
		if h, v := engineio.ParseHandshake(body[:n]); v != engineio.NeedMore && (v != want || h != whole) {
			t.Errorf("after %d bytes %v %+v, whole %v %+v", n, v, h, want, whole)
		}
		if want == engineio.NeedMore && len(body) >= engineio.MaxHandshake {
			t.Error("undecided with all that may be held")
		}
		if want != engineio.Found {
			if whole != (engineio.Handshake{}) {
				t.Errorf("%v, but %+v", want, whole)
			}
			return
		}
		if whole.SID == "" || len(whole.SID) > engineio.MaxSID || !utf8.ValidString(whole.SID) {
			t.Errorf("sid %q", whole.SID)
		}
		if whole.PingInterval < 0 || whole.PingTimeout < 0 {
			t.Errorf("times %v, %v", whole.PingInterval, whole.PingTimeout)
		}
		if engineio.ProvesOwner("GET", 200, body) {
			t.Error("opens a session and proves an owner")
		}
	})
}

// FuzzRewriteSID. Whatever body and sid:
//   - what is rewritten reads back with the new sid and all else as it was;
//   - what follows the object is untouched, and "webtransport" is no upgrade any more;
//   - rewriting a second time changes nothing;
//   - what is not rewritten leaves no trace, and neither of them writes into body.
func FuzzRewriteSID(f *testing.F) {
	for _, c := range loadCaptures(f) {
		if c.opens() && c.status == 200 {
			f.Add(c.body, "abc~Zm9vYmFy")
		}
	}
	f.Add([]byte(`0{ "upgrades" : ["websocket","webtransport"] , "sid":7,"sid" : "a" }`), "\"\\\n<é")
	f.Fuzz(func(t *testing.T, body []byte, sid string) {
		before := bytes.Clone(body)
		out, ok := engineio.RewriteSID(nil, body, sid)
		if !bytes.Equal(body, before) {
			t.Error("body was written to")
		}
		if !ok {
			if out != nil {
				t.Errorf("not rewritten, but %q", out)
			}
			return
		}
		old, _ := engineio.ParseHandshake(body)
		got, v := engineio.ParseHandshake(out)
		if old.SID = sid; v != engineio.Found && len(out) <= engineio.MaxHandshake || v == engineio.Found && got != old {
			t.Errorf("reads back as %v %+v, want %+v", v, got, old)
		}
		if again, _ := engineio.RewriteSID(nil, out, sid); v == engineio.Found && !bytes.Equal(again, out) {
			t.Errorf("rewritten again: %q, before %q", again, out)
		}
		if !bytes.Equal(behindObject(t, out), behindObject(t, body)) {
			t.Errorf("behind the object: %q, was %q", behindObject(t, out), behindObject(t, body))
		}
		if offersWebTransport(t, out) {
			t.Errorf("webtransport is still an upgrade in %q", out)
		}
	})
}

// behindObject returns what follows the open packet's object.
func behindObject(t *testing.T, body []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(body[1:]))
	var object json.RawMessage
	if err := dec.Decode(&object); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return body[1+dec.InputOffset():]
}

// offersWebTransport tells whether an open packet offers webtransport.
func offersWebTransport(t *testing.T, body []byte) bool {
	var object map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(body[1:])).Decode(&object); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	var upgrades []any
	if json.Unmarshal(object["upgrades"], &upgrades) != nil {
		return false
	}
	for _, upgrade := range upgrades {
		if upgrade == "webtransport" {
			return true
		}
	}
	return false
}

// FuzzIsUnknownSID. Whatever the reply:
//   - only a 400, or an empty 403 to an upgrade, with at most 4 KiB, to a request with a sid, is a refusal;
//   - a refusal that repeats the sid refuses no other;
//   - no reply is a refusal and the proof of an owner at once.
func FuzzIsUnknownSID(f *testing.F) {
	for _, c := range loadCaptures(f) {
		f.Add(c.status, c.body, c.query.SID, c.upgrade)
	}
	f.Add(400, []byte(`{"code":0,"code":"1"}`), "a", false)
	f.Add(400, []byte(`"Invalid session \u0061"`), "a", false)
	f.Fuzz(func(t *testing.T, status int, body []byte, sid string, upgrade bool) {
		if !engineio.IsUnknownSID(status, body, sid, upgrade) {
			return
		}
		empty403 := status == 403 && upgrade && len(bytes.TrimSpace(body)) == 0
		if status != 400 && !empty403 || len(body) > 4096 || sid == "" {
			t.Errorf("%d with %d bytes for sid %q (upgrade %v) is no refusal", status, len(body), sid, upgrade)
		}
		other := engineio.IsUnknownSID(status, body, sid+"x", upgrade)
		if repeats := bytes.HasPrefix(bytes.TrimSpace(body), []byte("invalid sid value: ")); repeats && other {
			t.Errorf("%q refuses both %q and another", body, sid)
		}
		if engineio.ProvesOwner("GET", status, body) || engineio.ProvesOwner("POST", status, body) {
			t.Errorf("%d %q refuses and proves", status, body)
		}
	})
}
