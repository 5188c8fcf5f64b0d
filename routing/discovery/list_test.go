package discovery

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing"
)

func TestParseList(t *testing.T) {
	web1 := routing.BackendConfig{ID: "web-1", URL: "http://10.0.0.1:3000"}
	web2 := routing.BackendConfig{ID: "10.0.0.2:3000", URL: "http://10.0.0.2:3000", Weight: 2, MaxSessions: 7, Backup: true}
	one := func(b routing.BackendConfig) routing.BackendConfig { b.Weight = 1; return b }
	for name, c := range map[string]struct {
		text string
		want []routing.BackendConfig
	}{
		"one backend a line":                     {"web-1=http://10.0.0.1:3000\nhttp://10.0.0.2:3000,weight=2,max-sessions=7,backup\n", []routing.BackendConfig{web1, web2}},
		"no newline at the end":                  {"web-1=http://10.0.0.1:3000", []routing.BackendConfig{web1}},
		"lines as Windows ends them":             {"web-1=http://10.0.0.1:3000\r\n\r\n", []routing.BackendConfig{web1}},
		"comments, blank lines and indents":      {"# all\n\n \t\n  web-1=http://10.0.0.1:3000 # the first\n#http://10.0.0.2:3000\n", []routing.BackendConfig{web1}},
		"an array of objects":                    {`[{"id":"web-1","url":"http://10.0.0.1:3000"},{"url":"http://10.0.0.2:3000","weight":2,"max_sessions":7,"backup":true}]`, []routing.BackendConfig{one(web1), web2}},
		"an array with space wherever it may be": {"\n\t[ {\n\"url\" : \"http://10.0.0.1:3000\" , \"id\":\"web-1\"\n}\n]\n\n", []routing.BackendConfig{one(web1)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := parseList([]byte(c.text)); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestParseListNamesTheLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a line that is no backend":        {"http://10.0.0.1:3000\n\nhttp//10.0.0.2:3000\n", `3: "http//10.0.0.2:3000": want [ID=]URL`},
		"two backends on a line":           {"http://10.0.0.1:3000 http://10.0.0.2:3000\n", `1: "http://10.0.0.1:3000 http://10.0.0.2:3000": want`},
		"an ID twice":                      {"a=http://10.0.0.1:3000\n\na=http://10.0.0.2:3000\n", `3: ID "a": want another than that on line 1`},
		"a URL twice":                      {"a=http://10.0.0.1:3000\nb=http://10.0.0.1:3000\n", `2: URL "http://10.0.0.1:3000": want another`},
		"JSON that is no array":            {`{"url":"http://10.0.0.1:3000"}`, "1: want [{"},
		"JSON with something behind it":    {"[\n{\"url\":\"http://10.0.0.1:3000\"}\n]\n]", "4: invalid character ']' after top-level value: want [{"},
		"JSON without a comma":             {"[\n{\"url\":\"http://10.0.0.1:3000\"}\n{}]", "3: invalid character '{' after array element: want [{"},
		"JSON that ends too soon":          {"[\n", "1: unexpected end of JSON input"},
		"an object with a misspelt name":   {"[\n{\"url\":\"http://10.0.0.1:3000\"},\n\n{\"url\":\"http://10.0.0.2:3000\",\n\"wieght\":2}]", `4: json: unknown field "wieght": want [{`},
		"a number in quotes":               {"[{\"url\":\"http://10.0.0.1:3000\",\n\"weight\":\"2\"}]", `1: "weight": string: want [{`},
		"a URL in place of an object":      {`["http://10.0.0.1:3000"]`, `1: "": string: want [{`},
		"an object without a URL":          {"[\n{\"id\":\"web-1\"}]", `2: id "web-1", url "", weight 1, max_sessions 0: want [{`},
		"null":                             {"[null]", `1: id "", url ""`},
		"a weight of nothing":              {`[{"url":"http://10.0.0.1:3000","weight":0}]`, `weight 0, max_sessions 0: want [{`},
		"fewer sessions than none":         {`[{"url":"http://10.0.0.1:3000","max_sessions":-1}]`, `max_sessions -1: want [{`},
		"an ID that a terminal would obey": {`[{"id":"\u001b[2J","url":"http://10.0.0.1:3000"}]`, `1: id "\x1b[2J"`},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := parseList([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, error %v; want one with %q", got, err, c.want)
			}
		})
	}
}

// FuzzParseList: whatever a file holds, it is a list that a pool takes, or a mistake on one of its lines.
func FuzzParseList(f *testing.F) {
	for _, text := range []string{
		"", "web-1=http://10.0.0.1:3000\n# x\nunix:/a,backup", `[{"id":"web-1","url":"http://10.0.0.1:3000","weight":2}]`,
		"[\n{", "[[", "{}", "[null,\n1]", "a=http://b\na=http://c", "http://%zz",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseList(data)
		if err != nil {
			number, _, _ := strings.Cut(err.Error(), ":")
			if n, bad := strconv.Atoi(number); bad != nil || n < 1 || n > 1+strings.Count(string(data), "\n") {
				t.Errorf("%q: error %q names no line of it", data, err)
			}
			return
		}
		if len(list) == 0 {
			t.Errorf("%q: an empty list", data)
		}
		if err := routing.NewPool(routing.PoolConfig{}).Set(list); err != nil {
			t.Errorf("%q: %v", data, err)
		}
	})
}
