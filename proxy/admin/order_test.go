package admin_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/admin"
	"github.com/holdfast-proxy/holdfast/routing"
)

// post gives an order and returns the answer.
func (d *desk) post(path string) (status int, body string) {
	d.Helper()
	head, body, _ := strings.Cut(d.send("POST "+path+" HTTP/1.1\r\nHost: "+d.addr+"\r\nContent-Length: 0\r\n\r\n"), "\r\n\r\n")
	status, err := strconv.Atoi(head[len("HTTP/1.1 "):][:3])
	must(d, err)
	return status, body
}

// order gives an order that is taken, and returns the backend as it is then.
func (d *desk) order(path string) (b admin.Backend) {
	d.Helper()
	status, body := d.post(path)
	if status != http.StatusOK || json.Unmarshal([]byte(body), &b) != nil {
		d.Fatalf("%s: %d %s", path, status, body)
	}
	return b
}

func TestADrainIsOrderedFollowedAndCalledOff(t *testing.T) {
	d := openDesk(t, named("web 1/ä", "b"), nil)
	d.sessions.Learn("s", d.backend("web 1/ä"), time.Minute, routing.ByHandshake)
	const drain = "/backends/web%201%2F%C3%A4/drain"
	got := d.order(drain)
	if got.ID != "web 1/ä" || got.State != "draining" || got.Sessions != 1 || got.Drain == nil {
		t.Fatalf("drained: %+v", got)
	}
	if wait := got.Drain.Closes.Sub(got.Drain.Since); wait != 5*time.Minute || got.Drain.Deadline != nil || got.Drain.Done {
		t.Errorf("its drain: %+v", got.Drain)
	}
	var all []admin.Backend
	if d.decode("/backends", &all); all[0].Drain == nil || all[1].Drain != nil {
		t.Errorf("/backends: %+v", all)
	}
	d.wantSeries("while it drains", map[string]float64{
		`holdfast_backend_state{backend="web 1/ä",state="draining"}`: 1,
		`holdfast_drain_polls{backend="web 1/ä"}`:                    0,
		`holdfast_drain_tunnels{backend="web 1/ä"}`:                  0,
		`holdfast_drain_done{backend="web 1/ä"}`:                     0,
		`holdfast_drain_deadline_seconds{backend="web 1/ä"}`:         0,
		`holdfast_drain_closes_seconds{backend="web 1/ä"}`:           float64(got.Drain.Closes.Unix()),
		`holdfast_sessions_closed_total`:                             0,
	})
	if again := d.order(drain + "?now=false"); !again.Drain.Closes.Equal(*got.Drain.Closes) {
		t.Errorf("a second order has changed the first: %+v", again.Drain)
	}
	if now := d.order(drain + "?now=true"); now.Drain.Closes.After(time.Now()) {
		t.Errorf("now: %+v", now.Drain)
	}
	if up := d.order("/backends/web%201%2F%C3%A4/undrain"); up.State != "up" || up.Drain != nil {
		t.Errorf("undrained: %+v", up)
	}
}

func TestOrdersThatAreInVain(t *testing.T) {
	d := openDesk(t, named("a", "gone"), nil)
	d.sessions.Learn("s", d.backend("gone"), time.Minute, routing.ByHandshake)
	must(t, d.pool.Set(named("a")))
	for name, c := range map[string]struct {
		path   string
		status int
		want   string
	}{
		"a backend that there is not":        {"/backends/c/drain", 404, `there is no backend "c": want a, gone`},
		"the same the other way":             {"/backends/c/undrain", 404, `there is no backend "c"`},
		"an ID in another case":              {"/backends/A/drain", 404, `there is no backend "A"`},
		"an ID that is not encoded":          {"/backends/%zz/drain", 400, "percent-encoded ID"},
		"no ID":                              {"/backends//drain", 405, "want GET or HEAD"},
		"an order that there is not":         {"/backends/a/kill", 405, "want GET or HEAD"},
		"a wish that is misspelt":            {"/backends/a/drain?nwo=true", 400, "want now=true or now=false"},
		"a wish with a strange value":        {"/backends/a/drain?now=soon", 400, "want now=true or now=false"},
		"two wishes":                         {"/backends/a/drain?now=true&now=false", 400, "want now=true or now=false"},
		"undraining now":                     {"/backends/a/undrain?now=true", 400, "want now=true or now=false, for drain"},
		"undraining what does not drain":     {"/backends/a/undrain", 409, `backend "a" is not draining, it is up`},
		"undraining what is no longer there": {"/backends/gone/undrain", 409, `backend "gone" drains because it is no longer configured`},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := (&desk{TB: t, addr: d.addr}).post(c.path)
			if status != c.status || !strings.Contains(errorIn(t, body), c.want) {
				t.Errorf("%d %s, want %d with %q", status, body, c.status, c.want)
			}
		})
	}
	if s := d.backend("a").State(); s != routing.Up {
		t.Errorf("a is %v after it all", s)
	}
}

// TestOrdersFromWebPages gives the same order from where browsers may send it; XHOST stands for the listener's own address.
func TestOrdersFromWebPages(t *testing.T) {
	d := openDesk(t, named("a"), func(c *admin.Config) { c.Host = "gate.example" })
	for name, c := range map[string]struct {
		fields string
		status string
	}{
		"a program sends no Origin":                                {"Host: XHOST\r\n", "200"},
		"our own page":                                             {"Host: XHOST\r\nOrigin: http://XHOST\r\nSec-Fetch-Site: same-origin\r\n", "200"},
		"our own page behind TLS":                                  {"Host: gate.example\r\nOrigin: https://gate.example\r\n", "200"},
		"our own page, named in another case":                      {"Host: Gate.example:9900\r\nOrigin: http://gate.example:9900\r\n", "200"},
		"our own page by IPv6":                                     {"Host: [::1]:9900\r\nOrigin: http://[::1]:9900\r\n", "200"},
		"a page of another host":                                   {"Host: XHOST\r\nOrigin: http://evil.example\r\n", "403"},
		"a page of another port of this host":                      {"Host: 127.0.0.1:9900\r\nOrigin: http://127.0.0.1:8080\r\n", "403"},
		"a page of another address, which is an acceptable Host":   {"Host: XHOST\r\nOrigin: http://203.0.113.7\r\n", "403"},
		"a page of localhost, where this is asked by its address":  {"Host: 127.0.0.1:9900\r\nOrigin: http://localhost:9900\r\n", "403"},
		"a page of no origin, such as a file or a sandbox":         {"Host: XHOST\r\nOrigin: null\r\n", "403"},
		"an empty Origin":                                          {"Host: XHOST\r\nOrigin:\r\n", "403"},
		"an Origin without a scheme":                               {"Host: XHOST\r\nOrigin: XHOST\r\n", "403"},
		"an Origin of a browser's extension":                       {"Host: XHOST\r\nOrigin: chrome-extension://XHOST\r\n", "403"},
		"an Origin that only begins like ours":                     {"Host: XHOST\r\nOrigin: http://XHOST.evil.example\r\n", "403"},
		"an Origin that only ends like ours":                       {"Host: XHOST\r\nOrigin: http://evil.example@XHOST\r\n", "403"},
		"two Origins, one of them ours":                            {"Host: XHOST\r\nOrigin: http://XHOST\r\nOrigin: http://evil.example\r\n", "403"},
		"a page whose name was pointed here afterwards":            {"Host: evil.example:9900\r\nOrigin: http://evil.example:9900\r\n", "403"},
		"the same without an Origin":                               {"Host: evil.example:9900\r\n", "403"},
		"a foreign form, of which the browser tells only the site": {"Host: XHOST\r\nSec-Fetch-Site: cross-site\r\n", "403"},
		"a page of a sister of this site":                          {"Host: gate.example\r\nSec-Fetch-Site: same-site\r\n", "403"},
		"a preflight of a foreign page":                            {"Host: XHOST\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n", "403"},
	} {
		t.Run(name, func(t *testing.T) {
			d.pool.Drain("a", false)
			method := "POST"
			if strings.Contains(c.fields, "Access-Control") {
				method = "OPTIONS"
			}
			fields := strings.ReplaceAll(c.fields, "XHOST", d.addr)
			reply := (&desk{TB: t, addr: d.addr}).send(method + " /backends/a/drain HTTP/1.1\r\n" + fields + "Content-Length: 0\r\n\r\n")
			if !strings.HasPrefix(reply, "HTTP/1.1 "+c.status) || strings.Contains(reply, "Access-Control-") {
				t.Errorf("reply %q, want %s", reply, c.status)
			}
			if drains := d.backend("a").State() == routing.Draining; drains != (c.status == "200") {
				t.Errorf("it drains: %v", drains)
			}
		})
	}
}

func TestOrdersAreNoQuestions(t *testing.T) {
	d := openDesk(t, named("a"), nil)
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
		reply := d.send(method + " /backends/a/drain HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if !strings.HasPrefix(reply, "HTTP/1.1 405 ") || !strings.Contains(reply, "\r\nAllow: POST\r\n") {
			t.Errorf("%s: %q, want 405 and Allow: POST", method, reply)
		}
	}
	if s := d.backend("a").State(); s != routing.Up {
		t.Errorf("a is %v", s)
	}
}
