package proxy_test

import (
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// fate is what becomes of a request that names a session, or seems to.
type fate string

const (
	toOwner fate = "the session's backend gets it, byte for byte"
	toAny   fate = "some backend gets it, byte for byte"
	unknown fate = "400 with code 1, and nobody gets it"
)

// sidRow is a request's query and its fate; any other fate is the line of a 400.
type sidRow struct {
	name  string
	sid   string // of the session that exists
	query string // behind /socket.io/?
	fate  fate
}

const (
	disguised = "a query parameter that decodes to sid, EIO or transport must be spelled exactly so"
	repeated  = "sid, EIO and transport may stand only once in the query"
	malformed = "the value of sid, EIO or transport has a malformed percent escape"
	semicolon = "sid, EIO and transport must be separated by '&', not by ';'"
	tooLong   = "sid is longer than 256 bytes"
)

var sidRows = []sidRow{
	{"a sid leads to its backend", "abc", "EIO=4&transport=polling&sid=abc", toOwner},
	{"a sid may stand first", "abc", "sid=abc&EIO=4&transport=polling", toOwner},
	{"a sid may be percent-encoded", "abc", "EIO=4&sid=%61b%63", toOwner},
	{"hex digits of an escape may be in either case", "a/b", "EIO=4&sid=a%2fb", toOwner},
	{"a plus is a space", "a b", "EIO=4&sid=a+b", toOwner},
	{"an escaped space is a space", "a b", "EIO=4&sid=a%20b", toOwner},
	{"an escaped plus is a plus", "a+b", "EIO=4&sid=a%2Bb", toOwner},
	{"a sid may look like a path", "../../etc/passwd", "EIO=4&sid=../../etc/passwd", toOwner},
	{"a sid may look like an address", "http://evil/", "EIO=4&sid=http://evil/", toOwner},
	{"a sid may hold a question mark", "a?b", "EIO=4&sid=a?b", toOwner},
	{"a sid may hold an equals sign", "a=b", "EIO=4&sid=a=b", toOwner},
	{"a sid may hold a tilde", "a~AAAAAAAA", "EIO=4&sid=a~AAAAAAAA", toOwner},
	{"a sid may hold CRLF, which stays encoded", "a\r\nX: y", "EIO=4&sid=a%0d%0aX:%20y", toOwner},
	{"a sid may hold NUL, which stays encoded", "a\x00b", "EIO=4&sid=a%00b", toOwner},
	{"a sid may be UTF-8", "é€", "EIO=4&sid=%c3%a9%E2%82%AC", toOwner},
	{"a sid may be a number", "1", "EIO=3&sid=1", toOwner},
	{"a sid may be a UUID", "5b1fdd9c-3ed9-4d0a-9d4c-2f4b5e6d7c8a", "EIO=3&sid=5b1fdd9c-3ed9-4d0a-9d4c-2f4b5e6d7c8a", toOwner},
	{"a sid of 256 bytes is long enough", strings.Repeat("x", 256), "EIO=4&sid=" + strings.Repeat("x", 256), toOwner},
	{"a sid of 256 escaped bytes is long enough", strings.Repeat("x", 256), "EIO=4&sid=" + strings.Repeat("%78", 256), toOwner},

	{"a sid in other letters is another one", "abc", "EIO=4&sid=ABC", unknown},
	{"a sid with a space behind is another one", "abc", "EIO=4&sid=abc+", unknown},
	{"a sid with a NUL behind is another one", "abc", "EIO=4&sid=abc%00", unknown},
	{"a sid encoded twice is another one", "abc", "EIO=4&sid=%2561bc", unknown},
	{"the beginning of a sid is another one", "abc", "EIO=4&sid=ab", unknown},
	{"a sid in a wide spelling is another one", "/", "EIO=4&sid=%c0%af", unknown},
	{"CRLF in an unknown sid goes nowhere", "abc", "EIO=4&sid=%0d%0aHost:%20evil", unknown},
	{"a tag is part of the sid where nobody tags", "abc", "EIO=4&sid=abc~AAAAAAAA", unknown},

	{"a sid of 257 bytes is refused", "abc", "EIO=4&sid=" + strings.Repeat("x", 257), tooLong},
	{"a sid of 257 escaped bytes is refused", "abc", "EIO=4&sid=" + strings.Repeat("%78", 257), tooLong},
	{"a sid of 8,000 bytes is refused", "abc", "EIO=4&sid=" + strings.Repeat("x", 8000), tooLong},
	{"two sids are refused", "abc", "EIO=4&sid=abc&sid=xyz", repeated},
	{"two equal sids are refused", "abc", "EIO=4&sid=abc&transport=polling&sid=abc", repeated},
	{"an empty sid beside another is refused", "abc", "EIO=4&sid=&sid=abc", repeated},
	{"two EIO are refused", "abc", "EIO=4&sid=abc&EIO=3", repeated},
	{"two transports are refused", "abc", "EIO=4&sid=abc&transport=polling&transport=websocket", repeated},
	{"s%69d is a disguise", "abc", "EIO=4&s%69d=abc", disguised},
	{"%73id beside a sid is a disguise", "abc", "EIO=4&sid=xyz&%73id=abc", disguised},
	{"E%49O is a disguise", "abc", "E%49O=4&sid=abc", disguised},
	{"transpor%74 is a disguise", "abc", "EIO=4&sid=abc&transpor%74=polling", disguised},
	{"an escape of no hex digits is malformed", "abc", "EIO=4&sid=%zz", malformed},
	{"half an escape is malformed", "abc", "EIO=4&sid=abc%4", malformed},
	{"a percent sign alone is malformed", "abc", "EIO=4&sid=%", malformed},
	{"a semicolon separates for some", "abc", "EIO=4;sid=abc", semicolon},

	{"an empty sid is none", "abc", "EIO=4&transport=polling&sid=", toAny},
	{"a sid without a value is none", "abc", "EIO=4&transport=polling&sid", toAny},
	{"SID is another parameter", "abc", "EIO=4&transport=polling&SID=abc", toAny},
	{"xsid is another parameter", "abc", "EIO=4&transport=polling&xsid=abc", toAny},
	{"a sid in another's value is none", "abc", "EIO=4&transport=polling&x=?sid=abc", toAny},
	{"without EIO a page may call its parameters what it likes", "abc", "sid=x&sid=%zz&s%69d=1;EIO", toAny},
}

func TestSIDs(t *testing.T) {
	t.Parallel()
	k := &sidRun{rig: startProxy(t, 2, func(cfg *proxy.Config) { cfg.NoSeek = true })}
	for _, row := range sidRows {
		t.Run(row.name, func(t *testing.T) {
			for _, method := range []string{"GET", "POST"} {
				if method == "POST" && row.fate == toAny {
					continue // a handshake is a GET
				}
				k.meet(t, row, method)
			}
		})
	}
}

type sidRun struct{ *rig }

// meet opens the row's session, sends its request and holds what becomes of it against the row.
func (k *sidRun) meet(t *testing.T, row sidRow, method string) {
	k.session(t, 0, row.sid).Close()
	before := [2]int{len(k.backend(0).seen()), len(k.backend(1).seen())}
	c := k.dial(t)
	defer c.Close()
	target := "/socket.io/?" + row.query
	got := c.ask(method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n")
	owner, other := k.backend(0).seen()[before[0]:], k.backend(1).seen()[before[1]:]
	switch row.fate {
	case toOwner, toAny:
		all := append(owner, other...)
		if got.status() != 200 || len(all) != 1 || all[0].start != method+" "+target+" HTTP/1.1" || row.fate == toOwner && len(other) > 0 {
			t.Errorf("%s: got %q; the owner got %v, the other %v", method, got.raw(), starts(owner), starts(other))
		}
	case unknown:
		if got.status() != 400 || got.body != `{"code":1,"message":"Session ID unknown"}` {
			t.Errorf("%s: got %q", method, got.raw())
		}
	default:
		if got.status() != 400 || got.body != string(row.fate)+"\n" {
			t.Errorf("%s: got %q, want 400 and %q", method, got.raw(), row.fate)
		}
	}
	if row.fate != toOwner && row.fate != toAny && len(owner)+len(other) > 0 {
		t.Errorf("%s: the owner got %v, the other %v", method, starts(owner), starts(other))
	}
}

func starts(messages []message) (all []string) {
	for _, m := range messages {
		all = append(all, m.start)
	}
	return all
}

// TestLongSID sends 64 KB of sid: it never gets as far as being read as one.
func TestLongSID(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 1, nil)
	c := g.dial(t)
	c.send("GET /socket.io/?EIO=4&sid=" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := c.reply(); got.start != "HTTP/1.1 414 URI Too Long" || !c.lastCloses {
		t.Errorf("got %q", got.raw())
	}
	c.closed()
	if got := g.backend(0).received(); len(got) > 0 {
		t.Errorf("the backend got %q", got)
	}
}
