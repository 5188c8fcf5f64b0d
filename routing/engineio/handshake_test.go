package engineio_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// of returns a handshake of that sid without times.
func of(sid string, framing engineio.Framing) engineio.Handshake {
	return engineio.Handshake{SID: sid, Framing: framing}
}

// inJSONP marks a handshake as found inside JSONP.
func inJSONP(h engineio.Handshake) engineio.Handshake {
	h.JSONP = true
	return h
}

func TestParseHandshakeFinds(t *testing.T) {
	const eio4, eio3, binary = engineio.EIO4Text, engineio.EIO3Text, engineio.EIO3Binary
	long := strings.Repeat("x", engineio.MaxSID)
	rows := map[string]struct {
		body string
		want engineio.Handshake
	}{
		"revision 4, with its times": {
			`0{"sid":"a","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
			engineio.Handshake{SID: "a", PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second},
		},
		"revision 3 text, with its times": {
			`54:0{"sid":"a","pingInterval":25000,"pingTimeout":60000}`,
			engineio.Handshake{SID: "a", PingInterval: 25 * time.Second, PingTimeout: time.Minute, Framing: eio3},
		},
		"revision 3 binary":                               {"\x00\x01\x02\xff0{\"sid\":\"a\"}", of("a", binary)},
		"revision 3 binary with more packets behind":      {"\x00\x01\x02\xff0{\"sid\":\"a\"}\x00\x02\xff40\x01\x05\xff\x04\x01\x02\x03\xff", of("a", binary)},
		"revision 3 text with more packets behind":        {`12:0{"sid":"a"}2:40`, of("a", eio3)},
		"revision 3 text with base64 behind":              {`12:0{"sid":"a"}10:b4AQID/w==`, of("a", eio3)},
		"revision 4 with more packets behind":             {"0{\"sid\":\"a\"}\x1e4hello", of("a", eio4)},
		"revision 4 with base64 behind":                   {"0{\"sid\":\"a\"}\x1ebAQID/w==", of("a", eio4)},
		"googollee's newline belongs to the packet":       {"13:0{\"sid\":\"f\"}\n", of("f", eio3)},
		"googollee's counters are sids":                   {"\x00\x01\x03\xff0{\"sid\":\"3\"}\n", of("3", binary)},
		"the sid as last key":                             {`0{"maxPayload":1,"upgrades":["websocket"],"sid":"a"}`, of("a", eio4)},
		"white space where JSON allows it":                {"0{ \"sid\" :\t\"a\" ,\r\n \"x\" : 1 }", of("a", eio4)},
		"a sid inside another value is another":           {`0{"cookie":{"sid":"no"},"a":[{"sid":"no"}],"sid":"a"}`, of("a", eio4)},
		"a sid inside another value behind is another":    {`0{"sid":"a","x":{"sid":"no"}}`, of("a", eio4)},
		"of two sids the last":                            {`0{"sid":"no","sid":"a"}`, of("a", eio4)},
		"a key in other letters is another":               {`0{"sid":"a","SID":"no","Sid":"no","PingInterval":1}`, of("a", eio4)},
		"a key that is escaped is the same":               {`0{"\u0073id":"a"}`, of("a", eio4)},
		"escapes in a sid":                                {`0{"sid":"\u0061\"\\\/\n"}`, of("a\"\\/\n", eio4)},
		"a surrogate pair in a sid":                       {`0{"sid":"\ud83d\ude00"}`, of("😀", eio4)},
		"a sid of other alphabets":                        {`0{"sid":"шёлк"}`, of("шёлк", eio4)},
		"a sid that is a number, by its digits":           {`0{"sid":1234567890123}`, of("1234567890123", eio4)},
		"a sid of 256 bytes":                              {`0{"sid":"` + long + `"}`, of(long, eio4)},
		"what follows the object is not looked at":        {`0{"sid":"a"} and so on`, of("a", eio4)},
		"a length that counts characters":                 {`13:0{"sid":"éé"}2:40`, of("éé", eio3)},
		"a length that counts UTF-16 units":               {`13:0{"sid":"😀"}2:40`, of("😀", eio3)},
		"a length that counts bytes, as in Python":        {`15:0{"sid":"éé"}2:40`, of("éé", eio3)},
		"a length far beyond the end of the body":         {`999999999:0{"sid":"a"}`, of("a", eio3)},
		"a length with leading zeros":                     {`012:0{"sid":"a"}`, of("a", eio3)},
		"JSONP around revision 3 text":                    {`___eio[0]("12:0{\"sid\":\"a\"}");`, inJSONP(of("a", eio3))},
		"JSONP around revision 4":                         {`___eio[17]("0{\"sid\":\"a\"}\u001e4hello");`, inJSONP(of("a", eio4))},
		"JSONP around binary with a bare ff":              {"___eio[0](\"\x00\x01\x02\xff0{\\\"sid\\\":\\\"a\\\"}\x00\x02\xff40\");", inJSONP(of("a", binary))},
		"JSONP around binary with a character ff":         {"___eio[0](\"\x00\x01\x02ÿ0{\\\"sid\\\":\\\"a\\\"}\");", inJSONP(of("a", binary))},
		"JSONP around binary with everything escaped":     {`___eio[0]("\u0000\u0001\u0002\u00ff0{\"sid\":\"a\"}");`, inJSONP(of("a", binary))},
		"JSONP around binary with hex escapes":            {`___eio[0]("\0\x01\x02\xff0{\"sid\":\"a\"}");`, inJSONP(of("a", binary))},
		"JSONP in netty's single quotes":                  {`___eio[0]('12:0{"sid":"a"}');`, inJSONP(of("a", eio3))},
		"JSONP without a number, as Node answers j=x":     {`___eio[]("12:0{\"sid\":\"a\"}");`, inJSONP(of("a", eio3))},
		"JSONP with an escape inside an escape":           {`___eio[0]("0{\"sid\":\"\\u0061\\\"\"}");`, inJSONP(of(`a"`, eio4))},
		"JSONP with a surrogate pair":                     {`___eio[0]("13:0{\"sid\":\"\ud83d\ude00\"}");`, inJSONP(of("😀", eio3))},
		"JSONP with a lone surrogate":                     {`___eio[0]("0{\"sid\":\"a\ud83d\",\"x\":1}");`, inJSONP(of("a\ufffd", eio4))},
		"JSONP with two first halves of a pair":           {`___eio[0]("0{\"sid\":\"\ud83d\ud83d\ude00\"}");`, inJSONP(of("\ufffd😀", eio4))},
		"JSONP with escapes that are none":                {`___eio[0]("0{\"sid\":\"\uzzzz\xzz\q\"}");`, inJSONP(of("uzzzzxzzq", eio4))},
		"JSONP with white space escaped":                  {`___eio[0]("0{\n\t\r\"sid\":\"a\"}");`, inJSONP(of("a", eio4))},
		"JSONP that has not come to its end":              {`___eio[0]("12:0{\"sid\":\"a\"}2:4`, inJSONP(of("a", eio3))},
		"times that are missing are 0":                    {`0{"sid":"a"}`, of("a", eio4)},
		"times that are no numbers are 0":                 {`0{"sid":"a","pingInterval":"25000","pingTimeout":null}`, of("a", eio4)},
		"times that are negative or beyond timers are 0":  {`0{"sid":"a","pingInterval":-1,"pingTimeout":1e300}`, of("a", eio4)},
		"times with a fraction":                           {`0{"sid":"a","pingInterval":0.5}`, engineio.Handshake{SID: "a", PingInterval: 500 * time.Microsecond}},
		"a deep value is passed over":                     {`0{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `,"sid":"a"}`, of("a", eio4)},
		"an object that ends with the last byte held":     {atLimit(0), of("a", eio4)},
		"broken UTF-8 becomes what the client sends back": {"0{\"sid\":\"a\xff\"}", of("a\ufffd", eio4)},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			got, v := engineio.ParseHandshake([]byte(row.body))
			if v != engineio.Found || got != row.want {
				t.Errorf("ParseHandshake(%.120q) = %+v, %v, want %+v", row.body, got, v, row.want)
			}
		})
	}
}

// atLimit returns a handshake that is so many bytes longer than what is held.
func atLimit(over int) string {
	head, tail := `0{"sid":"a","x":"`, `"}`
	return head + strings.Repeat("x", engineio.MaxHandshake+over-len(head)-len(tail)) + tail
}

func TestParseHandshakeRefuses(t *testing.T) {
	rows := map[string]string{
		"a refusal": `{"code":1,"message":"Session ID unknown"}`,
		"a page":    `<!doctype html>{"sid":"a"}`,
		"a sid that does not stand in an open one":       `4{"sid":"a"}`,
		"an open packet that is not the first":           "4hello\x1e0{\"sid\":\"a\"}",
		"an open packet behind another, revision 3":      `2:4012:0{"sid":"a"}`,
		"a base64 packet":                                `b{"sid":"a"}`,
		"a base64 packet of revision 3":                  `13:b0{"sid":"a"}`,
		"white space before the packet":                  ` 0{"sid":"a"}`,
		"white space before the object":                  `0 {"sid":"a"}`,
		"an object cut by its length":                    `11:0{"sid":"a"}`,
		"an object cut by its length in binary":          "\x00\x01\x01\xff0{\"sid\":\"a\"}",
		"an object cut by a separator":                   "0{\"sid\":\"a\"\x1e}",
		"a length of nothing":                            `0:0{"sid":"a"}`,
		"a length beyond all bounds":                     `1000000000:0{"sid":"a"}`,
		"a binary length beyond all bounds":              "\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff0{\"sid\":\"a\"}",
		"a binary length that is none":                   "\x00\x01\x0a\xff0{\"sid\":\"a\"}",
		"a binary length that ends in another character": "___eio[0](\"\x00\x01\xc3\xa90{}\");",
		"a binary packet":                                "\x01\x01\x02\xff0{\"sid\":\"a\"}",
		"a character ff outside of a string":             "\x00\x01\x02ÿ0{\"sid\":\"a\"}",
		"an array":                                       `0["sid","a"]`,
		"an object without a sid":                        `0{"upgrades":[]}`,
		"an empty sid":                                   `0{"sid":""}`,
		"an empty sid behind a real one":                 `0{"sid":"a","sid":""}`,
		"a sid that is null":                             `0{"sid":null}`,
		"a sid that is an object":                        `0{"sid":{"a":1}}`,
		"a sid of 257 bytes":                             `0{"sid":"` + strings.Repeat("x", 257) + `"}`,
		"an object with a comma too many":                `0{"sid":"a",}`,
		"an object in single quotes":                     `0{'sid':'a'}`,
		"an object with a bare newline in a string":      "0{\"sid\":\"a\n\"}",
		"a value too deep for any parser":                `0{"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `,"sid":"a"}`,
		"an object longer than what is held":             atLimit(1),
		"64 KiB of an object that does not end":          `0{"x":"` + strings.Repeat("x", engineio.MaxHandshake),
		"64 KiB of zeros":                                strings.Repeat("\x00", engineio.MaxHandshake),
		"JSONP of something else":                        `___eio[0]("hello");`,
		"JSONP of nothing":                               `___eio[0]("");`,
		"JSONP that ends before the object":              `___eio[0]("0{\"sid\":\"a\"");`,
		"JSONP that ends within a length":                `___eio[0]("12");`,
		"JSONP in JSONP":                                 `___eio[0]("___eio[0](\"0{}\")");`,
		"another callback":                               `___foo[0]("0{\"sid\":\"a\"}");`,
		"a callback that is no number":                   `___eio[x]("0{\"sid\":\"a\"}");`,
		"a callback without a string":                    `___eio[0](0{"sid":"a"});`,
	}
	for name, body := range rows {
		t.Run(name, func(t *testing.T) {
			if h, v := engineio.ParseHandshake([]byte(body)); v != engineio.NotHandshake {
				t.Errorf("ParseHandshake(%.120q) = %+v, %v", body, h, v)
			}
		})
	}
}

func TestParseHandshakeWaitsAtEveryByteOfAHandshake(t *testing.T) {
	rows := map[string]string{
		"revision 4":                `0{"pingInterval":25000,"sid":"aé😀"}`,
		"revision 3 text":           `100:0{"pingInterval":25000,"sid":"aé😀"}`,
		"revision 3 binary":         "\x00\x01\x00\x00\xff0{\"sid\":\"a\"}",
		"JSONP":                     `___eio[12]("100:0{\"sid\":\"a\ud83d\ude00\ud83d\x41\"}`,
		"JSONP with a character ff": "___eio[12]('\x00\x01\x00\x00ÿ0{\"sid\":\"a\"}",
	}
	for name, body := range rows {
		t.Run(name, func(t *testing.T) {
			for n := range len(body) {
				if _, v := engineio.ParseHandshake([]byte(body[:n])); v != engineio.NeedMore {
					t.Errorf("%v after %q", v, body[:n])
				}
			}
			if _, v := engineio.ParseHandshake([]byte(body)); v != engineio.Found {
				t.Errorf("%v of the whole", v)
			}
		})
	}
}

func TestParseHandshakeTellsEarlyThatABodyIsSomethingElse(t *testing.T) {
	for _, body := range []string{"<", "{", "4", "40", "b", "01", "0[", "3:4", "___f", "___eio[x", "\x02", "\x00\x0a", "\x01"} {
		long := body + "\x1e" + strings.Repeat(" ", 20)
		if _, v := engineio.ParseHandshake([]byte(long)); v != engineio.NotHandshake {
			t.Errorf("%v after %q", v, long)
		}
	}
}

func TestAHandshakeOwnsItsSID(t *testing.T) {
	for _, body := range []string{`0{"sid":"abc"}`, `0{"sid":123}`} {
		b := []byte(body)
		h, _ := engineio.ParseHandshake(b)
		before := strings.Clone(h.SID)
		clear(b)
		if h.SID != before {
			t.Errorf("after the buffer of %s was used again: %q", body, h.SID)
		}
	}
}

func TestVerdictsAndFramingsHaveNames(t *testing.T) {
	got := fmt.Sprint(engineio.NeedMore, engineio.Found, engineio.NotHandshake,
		engineio.EIO4Text, engineio.EIO3Text, engineio.EIO3Binary)
	if want := "need more found not a handshake eio4-text eio3-text eio3-binary"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
