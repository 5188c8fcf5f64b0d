package discovery

import (
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing"
)

func TestParseSource(t *testing.T) {
	for text, want := range map[string]Source{
		"dns://web.default.svc.cluster.local.:3000": {scheme: "dns", name: "web.default.svc.cluster.local.", port: 3000},
		"dns://localhost:1":                         {scheme: "dns", name: "localhost", port: 1},
		"srv://_http._tcp.web.default.svc":          {scheme: "srv", name: "_http._tcp.web.default.svc"},
		"file:///etc/holdfast/backends":             {scheme: "file", name: "/etc/holdfast/backends"},
		"file:///with%20a%20space":                  {scheme: "file", name: "/with a space"},
	} {
		want.text = text
		if got, err := ParseSource(text); err != nil || got != want || got.String() != text {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseSourceRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                        "",
		"a name without a scheme":        "web:3000",
		"another scheme":                 "http://web:3000",
		"a name without a port":          "dns://web",
		"a port that is none":            "dns://web:0",
		"a port too large":               "dns://web:65536",
		"a port with a name":             "dns://web:http",
		"an address, which needs no DNS": "dns://10.0.0.1:3000",
		"an IPv6 address":                "dns://[fd00::1]:3000",
		"no name":                        "dns://:3000",
		"a path behind a name":           "dns://web:3000/",
		"a query":                        "dns://web:3000?x",
		"a fragment":                     "srv://web#x",
		"a user":                         "dns://me@web:3000",
		"a port that SRV would say":      "srv://web:3000",
		"a name of 300 characters":       "srv://" + strings.Repeat("a.", 150),
		"a path that is not absolute":    "file://etc/backends",
		"no path":                        "file://",
		"the root":                       "file:///",
		"a path without slashes":         "file:backends",
	} {
		if got, err := ParseSource(text); err == nil || got != (Source{}) {
			t.Errorf("%s, %q: %+v, %v; want an error", name, text, got, err)
		}
	}
}

func TestParseBackend(t *testing.T) {
	for text, want := range map[string]routing.BackendConfig{
		"http://10.0.0.1:3000":                      {URL: "http://10.0.0.1:3000"},
		"web-1=https://web.test":                    {ID: "web-1", URL: "https://web.test"},
		"http://[fd00::1]:3000/":                    {URL: "http://[fd00::1]:3000/"},
		"unix:/run/web.sock":                        {URL: "unix:/run/web.sock"},
		"a=http://b,weight=3,max-sessions=9,backup": {ID: "a", URL: "http://b", Weight: 3, MaxSessions: 9, Backup: true},
	} {
		if got, err := ParseBackend(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseBackendRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                         "",
		"an address without a scheme":     "10.0.0.1:3000",
		"another scheme":                  "ftp://10.0.0.1",
		"a URL without a host":            "http://",
		"a path":                          "http://10.0.0.1/app",
		"a query":                         "http://10.0.0.1?a",
		"a user":                          "http://me@10.0.0.1",
		"a socket that is not absolute":   "unix:web.sock",
		"a socket on another host":        "unix://host/web.sock",
		"an ID of no characters":          "=http://10.0.0.1",
		"an ID with a space":              "web 1=http://10.0.0.1",
		"an ID that a terminal acts on":   "web\x1b=http://10.0.0.1",
		"an ID in no known character set": "web\xff=http://10.0.0.1",
		"a weight of nothing":             "http://10.0.0.1,weight=0",
		"a weight above a thousand":       "http://10.0.0.1,weight=1001",
		"a weight that is no number":      "http://10.0.0.1,weight=much",
		"no sessions at all":              "http://10.0.0.1,max-sessions=0",
		"an attribute that is misspelt":   "http://10.0.0.1,wieght=2",
		"an attribute of no characters":   "http://10.0.0.1,",
	} {
		if got, err := ParseBackend(text); err != errBackend || got != (routing.BackendConfig{}) {
			t.Errorf("%s, %q: %+v, %v; want an error", name, text, got, err)
		}
	}
}
