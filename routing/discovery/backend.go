package discovery

import (
	"cmp"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-proxy/holdfast/routing"
)

// errBackend is what a backend that cannot be read should have been.
var errBackend = errors.New("want [ID=]URL[,weight=N][,max-sessions=N][,backup] with http://HOST:PORT, https://HOST:PORT or unix:/PATH")

// ParseBackend reads the notation of one backend, in flags and in files: [ID=]URL[,weight=N][,max-sessions=N][,backup],
// with a weight from 1 to 1000. Its error says what was wanted and is meant to follow the text.
func ParseBackend(text string) (routing.BackendConfig, error) {
	parts := strings.Split(text, ",")
	b := routing.BackendConfig{URL: parts[0]}
	if id, rest, found := strings.Cut(parts[0], "="); found && !strings.ContainsAny(id, ":/") {
		b.ID, b.URL = id, rest
		if id == "" {
			return routing.BackendConfig{}, errBackend
		}
	}
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(value)
		switch {
		case part == "backup":
			b.Backup = true
		case name == "weight" && err == nil && isWeight(n):
			b.Weight = n
		case name == "max-sessions" && err == nil && n >= 1:
			b.MaxSessions = n
		default:
			return routing.BackendConfig{}, errBackend
		}
	}
	if !isURL(b.URL) || !isID(identified(b).ID) {
		return routing.BackendConfig{}, errBackend
	}
	return b, nil
}

// identified gives a backend the ID that package routing would give it, if it has none.
func identified(b routing.BackendConfig) routing.BackendConfig {
	if u, err := url.Parse(b.URL); err == nil {
		b.ID = cmp.Or(b.ID, u.Host, u.Path)
	}
	return b
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	if u.Scheme == "unix" {
		return u.Host == "" && strings.HasPrefix(u.Path, "/") && len(u.Path) > 1
	}
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && (u.Path == "" || u.Path == "/")
}

// isID says that text can be an ID: it stands in logs, metrics and commands, and so is printable and one word.
func isID(text string) bool {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) }
	return text != "" && utf8.ValidString(text) && !strings.ContainsFunc(text, odd)
}

func isWeight(n int) bool { return 1 <= n && n <= 1000 }
