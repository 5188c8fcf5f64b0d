package engineio_test

import (
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

func TestIsUnknownSID(t *testing.T) {
	const sid = "abc"
	rows := map[string]struct {
		status  int
		body    string
		upgrade bool
		want    bool
	}{
		"Node and zishang to a poll":                        {400, `{"code":1,"message":"Session ID unknown"}`, false, true},
		"Node and zishang to an upgrade":                    {400, `Session ID unknown`, true, true},
		"the text counts for a poll as well":                {400, `Session ID unknown`, false, true},
		"the object counts for an upgrade as well":          {400, `{"code":1,"message":"Session ID unknown"}`, true, true},
		"socketioxide writes the code as a string":          {400, `{"code":"1","message":"Session ID unknown"}`, false, true},
		"the code counts, in any place and whatever beside": {400, ` { "context" : {"code":0} , "code" : 1 } `, false, true},
		"of two codes the last":                             {400, `{"code":0,"code":1}`, false, true},
		"of two codes not the first":                        {400, `{"code":1,"code":0}`, false, false},
		"a code inside another value is another":            {400, `{"x":{"code":1}}`, false, false},
		"a key in other letters is another":                 {400, `{"Code":1}`, false, false},
		"code 0: transport unknown":                         {400, `{"code":0,"message":"Transport unknown"}`, false, false},
		"code 2: bad handshake method":                      {400, `{"code":2,"message":"Bad handshake method"}`, false, false},
		"code 3: the sid is known":                          {400, `{"code":3,"message":"Bad request"}`, false, false},
		"code 4: forbidden":                                 {400, `{"code":4,"message":"Session ID unknown"}`, false, false},
		"code 10 is not code 1":                             {400, `{"code":10}`, false, false},
		"code true is not code 1":                           {400, `{"code":true}`, false, false},
		"an object that does not end":                       {400, `{"code":1`, false, false},
		"an object with more behind it":                     {400, `{"code":1}{"code":1}`, false, false},
		"an object in an array":                             {400, `[{"code":1}]`, false, false},
		"Python on asyncio":                                 {400, `"Invalid session abc"`, false, true},
		"Python on asyncio to an upgrade":                   {400, `"Invalid session abc"`, true, true},
		"Python on WSGI does not repeat the sid":            {400, `"Invalid session"`, false, true},
		"Python of a session that has just ended":           {400, `"'Session is disconnected' abc"`, false, true},
		"Python of no sid at all":                           {400, `"Invalid session None"`, false, false},
		"Python of another sid":                             {400, `"Invalid session abcd"`, false, false},
		"Python of a sid in other letters":                  {400, `"Invalid session ABC"`, false, false},
		"Python without its quotes":                         {400, `Invalid session abc`, false, false},
		"Python cut short":                                  {400, `"Invalid session abc`, false, false},
		"Python of the origin":                              {400, `"http://a.example is not an accepted origin."`, false, false},
		"googollee":                                         {400, "invalid sid value: abc\n", false, true},
		"googollee of another sid":                          {400, "invalid sid value: abcd\n", false, false},
		"white space around does not count":                 {400, "\r\n\t Session ID unknown \n", false, true},
		"more words do":                                     {400, "Session ID unknown!", false, false},
		"an empty 400: two polls overlapped":                {400, "", false, false},
		"an empty 400 to an upgrade":                        {400, "", true, false},
		"an empty 403 to an upgrade, from ASGI":             {403, "", true, true},
		"an empty 403 to a poll":                            {403, "", false, false},
		"a 403 with words to an upgrade":                    {403, "Forbidden", true, false},
		"a 403 that says so":                                {403, "Session ID unknown", false, false},
		"a 404 that says so":                                {404, `{"code":1,"message":"Session ID unknown"}`, false, false},
		"a 200 that says so":                                {200, "Session ID unknown", false, false},
		"a 500, empty: netty, or anything else":             {500, "", false, false},
		"4 KiB are read":                                    {400, "Session ID unknown" + strings.Repeat(" ", 4096-18), false, true},
		"a byte more is too long to be a refusal":           {400, "Session ID unknown" + strings.Repeat(" ", 4097-18), false, false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			if got := engineio.IsUnknownSID(row.status, []byte(row.body), sid, row.upgrade); got != row.want {
				t.Errorf("IsUnknownSID(%d, %.80q, %q, %v) = %v, want %v", row.status, row.body, sid, row.upgrade, got, row.want)
			}
		})
	}
}

func TestIsUnknownSIDComparesTheSIDAsItIs(t *testing.T) {
	rows := map[string]struct{ body, sid string }{
		"a sid with quotes, which Python escapes":       {`"Invalid session a\"b"`, `a"b`},
		"a sid of another alphabet, which it escapes":   {`"Invalid session \u0448"`, "ш"},
		"a sid that reads None":                         {`"Invalid session None"`, "None"},
		"a sid with spaces inside, which Go leaves":     {"invalid sid value: a  b\n", "a  b"},
		"a sid that looks like a sentence of a refusal": {`"Invalid session session ID"`, "session ID"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			if !engineio.IsUnknownSID(400, []byte(row.body), row.sid, false) {
				t.Errorf("%q is no refusal of %q", row.body, row.sid)
			}
		})
	}
}

func TestARequestWithoutASIDIsNeverRefusedForIt(t *testing.T) {
	for _, body := range []string{`Session ID unknown`, `{"code":1}`, `"Invalid session "`, `invalid sid value: `} {
		if engineio.IsUnknownSID(400, []byte(body), "", false) {
			t.Errorf("%q", body)
		}
	}
}
