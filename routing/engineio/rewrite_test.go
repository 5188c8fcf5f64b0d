package engineio_test

import (
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

func TestRewriteSID(t *testing.T) {
	rows := map[string]struct{ body, sid, want string }{
		"the sid is replaced, all else stays": {
			`0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000}`, "abc~tag",
			`0{"sid":"abc~tag","upgrades":["websocket"],"pingInterval":25000}`,
		},
		"packets behind stay": {
			"0{\"sid\":\"a\"}\x1e4\"sid\":\"a\"\x1ebAQID/w==", "a~t",
			"0{\"sid\":\"a~t\"}\x1e4\"sid\":\"a\"\x1ebAQID/w==",
		},
		"white space stays": {
			"0{ \"x\" : 1 , \"sid\" :\t\"a\" , \"upgrades\" : [ \"websocket\" ] }\n", "b",
			"0{ \"x\" : 1 , \"sid\" :\t\"b\" , \"upgrades\" : [ \"websocket\" ] }\n",
		},
		"every one of several sids is replaced, for clients differ in which they take": {
			`0{"sid":"a","sid":"b"}`, "c", `0{"sid":"c","sid":"c"}`,
		},
		"sids inside other values stay": {
			`0{"x":{"sid":"a","upgrades":["webtransport"]},"sid":"a"}`, "b",
			`0{"x":{"sid":"a","upgrades":["webtransport"]},"sid":"b"}`,
		},
		"a sid that is a number becomes a string": {
			`0{"sid":17,"x":17}`, "17~t", `0{"sid":"17~t","x":17}`,
		},
		"what JSON must escape is escaped": {
			`0{"sid":"a"}`, "a\"\\\n", `0{"sid":"a\"\\\n"}`,
		},
		"webtransport is taken out": {
			`0{"sid":"a","upgrades":["websocket","webtransport"]}`, "b",
			`0{"sid":"b","upgrades":["websocket"]}`,
		},
		"webtransport is taken out from the front": {
			`0{"upgrades":["webtransport","websocket"],"sid":"a"}`, "b",
			`0{"upgrades":["websocket"],"sid":"b"}`,
		},
		"webtransport is taken out when alone": {
			`0{"sid":"a","upgrades":["webtransport"]}`, "b", `0{"sid":"b","upgrades":[]}`,
		},
		"webtransport is taken out when escaped": {
			`0{"sid":"a","upgrades":["web\u0074ransport"]}`, "b", `0{"sid":"b","upgrades":[]}`,
		},
		"other upgrades stay, whatever they are": {
			`0{"sid":"a","upgrades":[{"webtransport":1},"webtransport",7,null,"x"]}`, "b",
			`0{"sid":"b","upgrades":[{"webtransport":1},7,null,"x"]}`,
		},
		"upgrades that are no array stay": {
			`0{"sid":"a","upgrades":"webtransport"}`, "b", `0{"sid":"b","upgrades":"webtransport"}`,
		},
		"a reply that goes on may be rewritten": {
			"0{\"sid\":\"a\"}\x1e4the rest is on its w", "b", "0{\"sid\":\"b\"}\x1e4the rest is on its w",
		},
		"a reply longer than what is held may be rewritten": {
			"0{\"sid\":\"a\"}\x1e4" + strings.Repeat("x", engineio.MaxHandshake), "b",
			"0{\"sid\":\"b\"}\x1e4" + strings.Repeat("x", engineio.MaxHandshake),
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			got, ok := engineio.RewriteSID([]byte("head "), []byte(row.body), row.sid)
			if !ok || string(got) != "head "+row.want {
				t.Errorf("RewriteSID(%.120q, %q)\n got %.120q, %v\nwant %.120q", row.body, row.sid, got, ok, row.want)
			}
		})
	}
}

func TestRewriteSIDLeavesAlone(t *testing.T) {
	rows := map[string]struct{ body, sid string }{
		"revision 3 text, whose applications see the sid": {`12:0{"sid":"a"}`, "b"},
		"revision 3 binary":                  {"\x00\x01\x02\xff0{\"sid\":\"a\"}", "b"},
		"JSONP":                              {`___eio[0]("0{\"sid\":\"a\"}");`, "b"},
		"a handshake that is not complete":   {`0{"sid":"a"`, "b"},
		"a refusal":                          {`{"code":1,"message":"Session ID unknown"}`, "b"},
		"an empty body":                      {``, "b"},
		"a new sid that is empty":            {`0{"sid":"a"}`, ""},
		"a new sid of 257 bytes":             {`0{"sid":"a"}`, strings.Repeat("x", 257)},
		"a new sid that JSON cannot express": {`0{"sid":"a"}`, "\xff"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			if got, ok := engineio.RewriteSID([]byte("head"), []byte(row.body), row.sid); ok || string(got) != "head" {
				t.Errorf("RewriteSID(%q, %q) = %q, %v, want it left alone", row.body, row.sid, got, ok)
			}
		})
	}
}

func TestEveryCapturedRevision4HandshakeIsRewritten(t *testing.T) {
	for _, c := range loadCaptures(t) {
		h, v := engineio.ParseHandshake(c.body)
		out, ok := engineio.RewriteSID(nil, c.body, h.SID+"~Zm9vYmFy")
		if want := v == engineio.Found && h.Framing == engineio.EIO4Text && !h.JSONP; ok != want {
			t.Errorf("%s: rewritten %v, want %v", c.name, ok, want)
		}
		if want := strings.Replace(string(c.body), h.SID, h.SID+"~Zm9vYmFy", 1); ok && string(out) != want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, out, want)
		}
	}
}
