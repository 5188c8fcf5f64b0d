package engineio_test

import (
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

func TestParseQuery(t *testing.T) {
	long := strings.Repeat("x", engineio.MaxSID)
	rows := map[string]struct {
		target string
		want   engineio.Query
	}{
		"a poll names its session": {
			"/socket.io/?EIO=4&transport=polling&t=P1a2b3&sid=abc",
			engineio.Query{SID: "abc", EIO: 4, HasEIO: true, Transport: "polling"},
		},
		"an upgrade names its session": {
			"/socket.io/?EIO=3&transport=websocket&sid=abc",
			engineio.Query{SID: "abc", EIO: 3, HasEIO: true, Transport: "websocket"},
		},
		"an empty sid is none": {
			"/socket.io/?EIO=4&transport=polling&sid=",
			engineio.Query{EIO: 4, HasEIO: true, Transport: "polling"},
		},
		"a sid without '=' is none": {
			"/?EIO=4&sid",
			engineio.Query{EIO: 4, HasEIO: true},
		},
		"a target without a query says nothing": {
			"/index.html", engineio.Query{},
		},
		"an empty target says nothing": {
			"", engineio.Query{},
		},
		"parameters in the path do not count": {
			"/sid=a&EIO=4?x=1", engineio.Query{},
		},
		"a second question mark belongs to a value": {
			"/?sid=a?sid=b", engineio.Query{SID: "a?sid=b"},
		},
		"a value may have an equals sign": {
			"/?sid=a=b", engineio.Query{SID: "a=b"},
		},
		"percent escapes in a sid are decoded, once": {
			"/?sid=%41%62%2B%2526", engineio.Query{SID: "Ab+%26"},
		},
		"a plus sign in a sid is a space": {
			"/?sid=a+b", engineio.Query{SID: "a b"},
		},
		"a tagged sid needs no escape": {
			"/?sid=abc~Zm9vYmFy", engineio.Query{SID: "abc~Zm9vYmFy"},
		},
		"a sid may be any bytes": {
			"/?sid=%00%ff%0d%0a", engineio.Query{SID: "\x00\xff\r\n"},
		},
		"a sid of 256 bytes is taken": {
			"/?sid=" + long, engineio.Query{SID: long},
		},
		"a sid of 256 bytes is taken when every one is escaped": {
			"/?sid=" + strings.Repeat("%78", engineio.MaxSID), engineio.Query{SID: long},
		},
		"names in other letters are other parameters": {
			"/?SID=a&eio=4&Transport=polling", engineio.Query{},
		},
		"a name that only contains one of ours is another": {
			"/?xsid=a&sidx=b&+sid=c&sid+=d&%20sid=e", engineio.Query{},
		},
		"a name escaped twice is another": {
			"/?s%2569d=a&E%2549O=4", engineio.Query{},
		},
		"empty parameters are skipped": {
			"/?&&EIO=4&&sid=a&", engineio.Query{SID: "a", EIO: 4, HasEIO: true},
		},
		"an escaped EIO is decoded": {
			"/?EIO=%34", engineio.Query{EIO: 4, HasEIO: true},
		},
		"an EIO that is no number is present, but 0": {
			"/?EIO=four", engineio.Query{HasEIO: true},
		},
		"an EIO with a leading zero is no number to a server": {
			"/?EIO=04", engineio.Query{HasEIO: true},
		},
		"an EIO with a sign is no number to a server": {
			"/?EIO=%2B4", engineio.Query{HasEIO: true},
		},
		"an EIO that fits no integer is 0": {
			"/?EIO=44444444444444444444", engineio.Query{HasEIO: true},
		},
		"an unknown transport is passed on decoded": {
			"/?transport=pigeon%20post", engineio.Query{Transport: "pigeon post"},
		},
		"j tells JSONP and the number of the callback": {
			"/?EIO=3&transport=polling&j=12",
			engineio.Query{EIO: 3, HasEIO: true, Transport: "polling", JSONP: "12", HasJSONP: true},
		},
		"an empty j tells JSONP": {
			"/?j=", engineio.Query{HasJSONP: true},
		},
		"of several j the first counts": {
			"/?j=&j=1&%6a=2", engineio.Query{HasJSONP: true},
		},
		"a malformed escape in j is nobody's business": {
			"/?j=%zz&b64=%", engineio.Query{JSONP: "%zz", HasJSONP: true, B64: true},
		},
		"b64 counts when it has a value": {
			"/?b64=1", engineio.Query{B64: true},
		},
		"b64 without a value does not": {
			"/?b64=", engineio.Query{},
		},
		"malformed escapes and repetitions elsewhere are nobody's business": {
			"/?t=%&t=%zz&%=1&q=100%&sid=a", engineio.Query{SID: "a"},
		},
		"semicolons elsewhere are nobody's business": {
			"/?a=1;b=2;sidx=3;a-name-too-long-for-any-of-ours=1&sid=a", engineio.Query{SID: "a"},
		},
		"an escaped semicolon may stand in a sid": {
			"/?sid=a%3Bsid=b", engineio.Query{SID: "a;sid=b"},
		},
		"an escaped '#' may stand in a sid": {
			"/?sid=a%23", engineio.Query{SID: "a#"},
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			got, err := engineio.ParseQuery([]byte(row.target))
			if err != nil || got != row.want {
				t.Errorf("ParseQuery(%q) = %+v, %v, want %+v", row.target, got, err, row.want)
			}
		})
	}
}

func TestParseQueryRefuses(t *testing.T) {
	rows := map[string]struct {
		target string
		want   error
	}{
		"an escaped letter in sid":                   {"/?EIO=4&s%69d=a", engineio.ErrDisguised},
		"an escaped letter in EIO":                   {"/?%45IO=4", engineio.ErrDisguised},
		"an escaped letter in transport":             {"/?transpor%74=polling", engineio.ErrDisguised},
		"every letter of transport escaped":          {"/?%74%72%61%6e%73%70%6F%72%74=x", engineio.ErrDisguised},
		"a disguised sid beside a plain one":         {"/?sid=a&%73id=b", engineio.ErrDisguised},
		"a disguised sid without a value":            {"/?si%64", engineio.ErrDisguised},
		"two sids":                                   {"/?sid=a&sid=b", engineio.ErrRepeated},
		"the same sid twice":                         {"/?sid=a&sid=a", engineio.ErrRepeated},
		"an empty sid before a real one":             {"/?sid=&sid=a", engineio.ErrRepeated},
		"a bare sid behind a real one":               {"/?sid=a&sid", engineio.ErrRepeated},
		"two EIO":                                    {"/?EIO=4&EIO=3", engineio.ErrRepeated},
		"two transports":                             {"/?transport=polling&transport=polling", engineio.ErrRepeated},
		"two transports, the first of them empty":    {"/?transport=&transport=polling", engineio.ErrRepeated},
		"a sid of 257 bytes":                         {"/?sid=" + strings.Repeat("x", 257), engineio.ErrLongSID},
		"a sid of 257 escaped bytes":                 {"/?sid=" + strings.Repeat("%78", 257), engineio.ErrLongSID},
		"a sid of 257 bytes, one of them escaped":    {"/?sid=%78" + strings.Repeat("x", 256), engineio.ErrLongSID},
		"a sid of 64 KiB":                            {"/?sid=" + strings.Repeat("x", 64<<10), engineio.ErrLongSID},
		"a sid with half an escape at its end":       {"/?sid=abc%4", engineio.ErrMalformed},
		"a sid with a percent sign at its end":       {"/?sid=100%", engineio.ErrMalformed},
		"a sid with an escape that is not hex":       {"/?sid=%zz", engineio.ErrMalformed},
		"a sid with an escape cut by the next name":  {"/?sid=%4&EIO=4", engineio.ErrMalformed},
		"an EIO with a malformed escape":             {"/?EIO=%4", engineio.ErrMalformed},
		"a transport with a malformed escape":        {"/?transport=polling%", engineio.ErrMalformed},
		"a sid behind a semicolon":                   {"/?x=1;sid=b", engineio.ErrSemicolon},
		"a disguised sid behind a semicolon":         {"/?x=1;s%69d=b", engineio.ErrSemicolon},
		"a semicolon in a sid":                       {"/?sid=a;b", engineio.ErrSemicolon},
		"a semicolon behind a transport":             {"/?transport=polling;x=1", engineio.ErrSemicolon},
		"a semicolon before EIO without a value":     {"/?;EIO", engineio.ErrSemicolon},
		"a fragment that hides a sid":                {"/?EIO=4#&sid=b", engineio.ErrFragment},
		"a fragment at the end of the query":         {"/?sid=a#", engineio.ErrFragment},
		"an escaped sid that breaks two of the laws": {"/?sid=a&sid=%zz", engineio.ErrRepeated},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			_, err := engineio.ParseQuery([]byte(row.target))
			if err != row.want {
				t.Fatalf("ParseQuery(%.80q): error %v, want %v", row.target, err, row.want)
			}
			if strings.ContainsAny(err.Error(), "\r\n<>") {
				t.Errorf("%q is no plain line", err)
			}
		})
	}
}

func TestARefusedQueryStillTellsWhetherEIOWasNamed(t *testing.T) {
	rows := map[string]struct {
		target string
		want   bool
	}{
		"EIO behind the fault":                       {"/?sid=a&sid=b&EIO=4", true},
		"EIO is the fault":                           {"/?sid=a&E%49O=4", true},
		"an application of its own with two of them": {"/routes?transport=bus&transport=tram", false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			q, err := engineio.ParseQuery([]byte(row.target))
			if err == nil || q.HasEIO != row.want {
				t.Errorf("ParseQuery(%q): HasEIO %v, error %v, want %v and an error", row.target, q.HasEIO, err, row.want)
			}
		})
	}
}

func TestAQueryOwnsItsStrings(t *testing.T) {
	target := []byte("/?sid=abc&transport=pigeon&j=17")
	q, err := engineio.ParseQuery(target)
	if err != nil {
		t.Fatal(err)
	}
	for i := range target {
		target[i] = 'X'
	}
	if q.SID != "abc" || q.Transport != "pigeon" || q.JSONP != "17" {
		t.Errorf("after the buffer was used again: %+v", q)
	}
}

func TestParseReplacesAllOfTheQueryBefore(t *testing.T) {
	var q engineio.Query
	if err := q.Parse([]byte("/?EIO=3&transport=pigeon&sid=abc&j=1&b64=1")); err != nil {
		t.Fatal(err)
	}
	if err := q.Parse([]byte("/plain")); err != nil || q != (engineio.Query{}) {
		t.Errorf("second request: %+v, %v, want nothing of the first", q, err)
	}
}

func TestParseOfTheSameSessionAgainAllocatesNothing(t *testing.T) {
	target := []byte("/socket.io/?EIO=4&transport=polling&t=P1a2b3c&sid=%41AAAAAAAAAAAAAAAAAAA&j=17")
	var q engineio.Query
	allocs := testing.AllocsPerRun(100, func() {
		if err := q.Parse(target); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}
