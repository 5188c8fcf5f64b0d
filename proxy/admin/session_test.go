package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/admin"
	"github.com/holdfast-proxy/holdfast/routing"
)

// TestSession asks for sids after do; tag(sid, id) is what a client of that backend would send.
func TestSession(t *testing.T) {
	tag := func(d *desk, sid, id string) string { return routing.TagSID(sid, d.backend(id).Token()) }
	for name, c := range map[string]struct {
		do    func(d *desk)
		ask   func(d *desk) string // default: s
		noTag bool
		want  *admin.Session // nil: not found. Times are not compared
	}{
		"a handshake's session is learned": {
			want: &admin.Session{SID: "s", Backend: "a", State: "up", Pin: "learned", Known: true, TTL: 45},
		},
		"an unknown sid is not found": {ask: func(*desk) string { return "t" }},
		"a search's session is sought": {
			do:   func(d *desk) { d.sessions.Learn("t", d.backend("b"), time.Minute, routing.BySearch) },
			ask:  func(*desk) string { return "t" },
			want: &admin.Session{SID: "t", Backend: "b", State: "up", Pin: "sought", Known: true, TTL: 60},
		},
		"open polls and tunnels are counted": {
			do: func(d *desk) {
				d.open(routing.Request{SID: "s", EIO: 4})
				d.open(routing.Request{SID: "s", EIO: 4, Upgrade: true})
			},
			want: &admin.Session{SID: "s", Backend: "a", State: "up", Pin: "learned", Known: true, Proven: true, EIO: 4, Polls: 1, Tunnels: 1, TTL: 45},
		},
		"a draining backend keeps its sessions": {
			do:   func(d *desk) { d.pool.Drain("a", true) },
			want: &admin.Session{SID: "s", Backend: "a", State: "draining", Pin: "learned", Known: true, TTL: 45},
		},
		"a dead backend's session is dead": {
			do:   func(d *desk) { d.pool.SetState("a", routing.Down) },
			want: &admin.Session{SID: "s", Backend: "a", State: "down", Pin: "dead", Known: true, TTL: 45},
		},
		"it stays dead when the backend is back": {
			do:   func(d *desk) { d.pool.SetState("a", routing.Down); d.pool.SetState("a", routing.Up) },
			want: &admin.Session{SID: "s", Backend: "a", State: "up", Pin: "dead", Known: true, TTL: 45},
		},
		"a tag is taken off": {
			ask:  func(d *desk) string { return tag(d, "s", "a") },
			want: &admin.Session{SID: "s", Backend: "a", State: "up", Pin: "tag", Known: true, TTL: 45},
		},
		"a tag alone names its backend": {
			ask:  func(d *desk) string { return tag(d, "t", "b") },
			want: &admin.Session{SID: "t", Backend: "b", State: "up", Pin: "tag"},
		},
		"a tag outranks what was learned": {
			ask:  func(d *desk) string { return tag(d, "s", "b") },
			want: &admin.Session{SID: "s", Backend: "b", State: "up", Pin: "tag"},
		},
		"a dead backend's tag is dead": {
			do:   func(d *desk) { d.pool.SetState("b", routing.Down) },
			ask:  func(d *desk) string { return tag(d, "t", "b") },
			want: &admin.Session{SID: "t", Backend: "b", State: "down", Pin: "dead"},
		},
		"nobody's tag is part of the sid":         {ask: func(*desk) string { return "s~AAAAAAAA" }},
		"so is any where tags are off":            {ask: func(d *desk) string { return tag(d, "s", "a") }, noTag: true},
		"a tag without a sid is not a tagged sid": {ask: func(d *desk) string { return tag(d, "", "a") }},
		"a sid may have any bytes": {
			do:   func(d *desk) { d.sessions.Learn("a/b?c=%2F+ü ", d.backend("b"), time.Minute, routing.ByHandshake) },
			ask:  func(*desk) string { return "a/b?c=%2F+ü " },
			want: &admin.Session{SID: "a/b?c=%2F+ü ", Backend: "b", State: "up", Pin: "learned", Known: true, TTL: 60},
		},
		"also those of a path that leads elsewhere": {
			do:   func(d *desk) { d.sessions.Learn("../healthz", d.backend("b"), time.Minute, routing.ByHandshake) },
			ask:  func(*desk) string { return "../healthz" },
			want: &admin.Session{SID: "../healthz", Backend: "b", State: "up", Pin: "learned", Known: true, TTL: 60},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := openDesk(t, named("a", "b"), func(cfg *admin.Config) { cfg.SIDTag = !c.noTag })
			d.sessions.Learn("s", d.backend("a"), 45*time.Second, routing.ByHandshake)
			sid := "s"
			if c.do != nil {
				c.do(d)
			}
			if c.ask != nil {
				sid = c.ask(d)
			}
			d.checkSession(sid, c.want)
		})
	}
}

// open takes a place for a request, until the test ends.
func (d *desk) open(req routing.Request) {
	d.Helper()
	decision, err := d.router.Route(req)
	must(d, err)
	d.Cleanup(func() { decision.Hold.Release() })
}

func (d *desk) checkSession(sid string, want *admin.Session) {
	d.Helper()
	path := "/sessions/" + url.PathEscape(sid)
	if want == nil {
		if status, body := d.get(path); status != http.StatusNotFound || errorIn(d, body) == "" {
			d.Errorf("%q: %d %s, want 404", sid, status, body)
		}
		return
	}
	var got admin.Session
	d.decode(path, &got)
	if want.Known && (got.Since == nil || got.Used == nil || time.Since(*got.Since) > time.Minute || got.Used.Before(*got.Since)) {
		d.Errorf("since %v, used %v", got.Since, got.Used)
	}
	got.Since, got.Used, got.URL = nil, nil, ""
	if got != *want {
		d.Errorf("%q: got  %+v\nwant %+v", sid, got, *want)
	}
}

func TestSessionPathsThatNameNone(t *testing.T) {
	d := openDesk(t, named("a"), nil)
	for path, want := range map[string]int{
		"/sessions/":      http.StatusBadRequest,
		"/sessions/%zz":   http.StatusBadRequest,
		"/sessions":       http.StatusNotFound,
		"/sessions/%00":   http.StatusNotFound,
		"/sessions/~":     http.StatusNotFound,
		"/sessions/a~b~c": http.StatusNotFound,
	} {
		// As bytes, since a client of Go would not send the second.
		if reply := d.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n"); !strings.HasPrefix(reply, fmt.Sprint("HTTP/1.1 ", want)) {
			t.Errorf("%s: %q, want %d", path, reply, want)
		}
	}
}
