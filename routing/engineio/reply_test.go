package engineio_test

import (
	"testing"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

func TestOurOwnRefusalIsRecognised(t *testing.T) {
	for _, upgrade := range []bool{false, true} {
		_, body := engineio.UnknownSIDReply(upgrade)
		if !engineio.IsUnknownSID(400, []byte(body), "abc", upgrade) {
			t.Errorf("upgrade %v: %q is not recognised by another holdfast in front", upgrade, body)
		}
	}
}

func TestUnknownSIDReply(t *testing.T) {
	rows := map[string]struct {
		upgrade           bool
		contentType, body string
	}{
		"a poll gets the JSON of engine.io":     {false, "application/json", `{"code":1,"message":"Session ID unknown"}`},
		"an upgrade gets the text of engine.io": {true, "text/plain; charset=UTF-8", "Session ID unknown"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			contentType, body := engineio.UnknownSIDReply(row.upgrade)
			if contentType != row.contentType || body != row.body {
				t.Errorf("got %q, %q, want %q, %q", contentType, body, row.contentType, row.body)
			}
		})
	}
}

func TestClosePacket(t *testing.T) {
	const text, script = "text/plain; charset=UTF-8", "text/javascript; charset=UTF-8"
	rows := map[string]struct{ target, contentType, body string }{
		"revision 4": {"/?EIO=4&sid=a", text, "1"},
		"revision 3": {"/?EIO=3&sid=a", text, "1:1"},
		"revision 3 as text even where binary fits":   {"/?EIO=3&sid=a&b64=", text, "1:1"},
		"without EIO it is revision 3":                {"/?sid=a", text, "1:1"},
		"JSONP, revision 4":                           {"/?EIO=4&sid=a&j=0", script, `___eio[0]("1");`},
		"JSONP, revision 3":                           {"/?EIO=3&sid=a&j=12", script, `___eio[12]("1:1");`},
		"JSONP with an empty number":                  {"/?EIO=3&sid=a&j=", script, `___eio[]("1:1");`},
		"JSONP repeats nothing but digits":            {"/?EIO=4&sid=a&j=1];alert(2)//", script, `___eio[12]("1");`},
		"JSONP repeats no digits of other alphabets":  {"/?EIO=4&sid=a&j=%D9%A1%ff7", script, `___eio[7]("1");`},
		"JSONP repeats no line breaks and no markup":  {"/?EIO=4&sid=a&j=%0d%0a<b>3", script, `___eio[3]("1");`},
		"a transport does not matter: only polls ask": {"/?EIO=4&sid=a&transport=websocket", text, "1"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			q, err := engineio.ParseQuery([]byte(row.target))
			if err != nil {
				t.Fatal(err)
			}
			contentType, body := engineio.ClosePacket(q)
			if contentType != row.contentType || body != row.body {
				t.Errorf("ClosePacket(%s) = %q, %q, want %q, %q", row.target, contentType, body, row.contentType, row.body)
			}
			if !engineio.ProvesOwner("GET", 200, []byte(body)) {
				t.Errorf("%q does not look as if it came from the session's owner", body)
			}
		})
	}
}

func TestTakesClosePacket(t *testing.T) {
	rows := map[string]struct {
		userAgent string
		want      bool
	}{
		"a browser":                           {"Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0", true},
		"Node's polling":                      {"node-XMLHttpRequest", true},
		"Python, which never comes back":      {"Python/3.11 aiohttp/3.8.4", false},
		"Python requests":                     {"python-requests/2.28.1", false},
		"no User-Agent":                       {"", false},
		"a browser's name in the middle":      {"curl/8 Mozilla/5.0", false},
		"a browser's name in other letters":   {"mozilla/5.0", false},
		"Node's name with more behind":        {"node-XMLHttpRequest/2", false},
		"Java, Swift and others we never saw": {"okhttp/4.9.0", false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			if got := engineio.TakesClosePacket([]byte(row.userAgent)); got != row.want {
				t.Errorf("TakesClosePacket(%q) = %v, want %v", row.userAgent, got, row.want)
			}
		})
	}
}
