package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/healthcheck"
	"github.com/holdfast-proxy/holdfast/routing"
)

var written = []struct {
	backend int
	sid     string
	entry   routing.Entry
}{
	{0, "a", routing.Entry{Since: time.Unix(1, 0), Used: time.Unix(2, 0), TTL: time.Second}},
	{41, "Xy-_.~ \x00é", routing.Entry{
		Proof: routing.BySearch, Proven: true, Counted: true, EIO: 4, TTL: 65535 * time.Second,
		Since: time.Unix(1_900_000_000, 0), Used: time.Unix(1_900_000_001, 0),
	}},
	{1, strings.Repeat("x", routing.MaxSID), routing.Entry{EIO: 255, Since: time.Unix(0, 0), Used: time.Unix(0, 0)}},
}

func TestSessionsAreReadAsTheyWereWritten(t *testing.T) {
	var text []byte
	for _, w := range written {
		text = appendSession(text, w.backend, w.sid, w.entry)
	}
	for _, w := range written {
		backend, sid, e, rest, err := parseSession(text, 42)
		if err != nil || backend != w.backend || sid != w.sid || e != w.entry {
			t.Fatalf("read %d %q %+v, %v; want %+v", backend, sid, e, err, w)
		}
		text = rest
	}
	if len(text) > 0 {
		t.Errorf("%d bytes left", len(text))
	}
}

func TestOpenRequestsAreReadAsSomeAreOpen(t *testing.T) {
	e := routing.Entry{Polls: 7, Tunnels: 1, Since: time.Unix(1, 0), Used: time.Unix(1, 0)}
	if _, _, got, _, err := parseSession(appendSession(nil, 0, "s", e), 1); err != nil || got.Polls == 0 || got.Tunnels == 0 {
		t.Errorf("read %+v, %v", got, err)
	}
}

func TestImpossibleSessionsAreRefused(t *testing.T) {
	good := appendSession(nil, 0, "sid", routing.Entry{Since: time.Unix(1, 0), Used: time.Unix(1, 0)})
	for name, text := range map[string][]byte{
		"nothing":                     {},
		"one that is cut off":         good[:len(good)-1],
		"numbers that are cut off":    good[:4],
		"a backend that is not there": appendSession(nil, 1, "sid", routing.Entry{}),
		"a sid that is too long":      appendSession(nil, 0, strings.Repeat("x", routing.MaxSID+1), routing.Entry{}),
		"a number of eleven bytes":    bytes.Repeat([]byte{0xff}, 11),
		"a life of a day":             appendSession(nil, 0, "s", routing.Entry{TTL: 24 * time.Hour}),
		"a time before 1970":          appendSession(nil, 0, "s", routing.Entry{Since: time.Unix(-1, 0)}),
	} {
		if _, _, _, _, err := parseSession(text, 1); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
}

func FuzzParseSession(f *testing.F) {
	for _, w := range written {
		f.Add(appendSession(nil, w.backend, w.sid, w.entry))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		backend, sid, e, rest, err := parseSession(text, 42)
		if err != nil {
			return
		}
		if backend < 0 || backend >= 42 || len(sid) > routing.MaxSID || len(rest) >= len(text) {
			t.Fatalf("read backend %d, a sid of %d bytes, %d bytes of %d left", backend, len(sid), len(rest), len(text))
		}
		again := appendSession(nil, backend, sid, e)
		if b, s, e2, _, err := parseSession(again, 42); err != nil || b != backend || s != sid || e2.TTL != e.TTL || !e2.Used.Equal(e.Used) {
			t.Fatalf("%+v was written and read as %+v, %v", e, e2, err)
		}
	})
}

func TestLegacyNamesMembersAndHealth(t *testing.T) {
	want := routing.Member{
		BackendConfig: routing.BackendConfig{ID: "a", URL: "http://a:1", Weight: 3, MaxSessions: 5, Backup: true}, Draining: true, Left: true,
	}
	text, err := json.Marshal(legacy{Backends: []legacyBackend{{"a", "http://a:1", 3, 5, true, true, true, "down"}}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := parseLegacy(text)
	if err != nil || len(l.Backends) != 1 || !reflect.DeepEqual(l.Backends[0].member(), want) {
		t.Errorf("read %+v, %v; want %+v", l, err, want)
	}
	if s := statusNamed(l.Backends[0].Health); s != healthcheck.Down {
		t.Errorf("health %v, want down", s)
	}
	for _, name := range []string{"", "unheard of", "unknown", "invalid"} {
		if s := statusNamed(name); s != healthcheck.Unknown {
			t.Errorf("health %q is %v, want unknown", name, s)
		}
	}
	if _, err := parseLegacy([]byte("{")); err == nil {
		t.Error("a cut list was read")
	}
}
