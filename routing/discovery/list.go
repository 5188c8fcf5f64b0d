package discovery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-proxy/holdfast/routing"
)

// entry is a backend as it stands in the list, and where.
type entry struct {
	routing.BackendConfig
	line int // from 1
}

// parseList reads a file's bytes: a JSON array if they begin with a bracket, else one backend a line. Its errors begin
// with the number of the line. A list without a backend is an error, and so is one that has an ID or a URL twice.
func parseList(data []byte) ([]routing.BackendConfig, error) {
	read := parseLines
	if first := bytes.TrimLeft(data, " \t\r\n"); len(first) > 0 && (first[0] == '[' || first[0] == '{') {
		read = parseJSON
	}
	entries, err := read(data)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, errors.New("1: no backend: want at least one")
	}
	ids, urls := map[string]int{}, map[string]int{}
	var list []routing.BackendConfig
	for _, e := range entries {
		if line, twice := ids[e.ID]; twice {
			return nil, fmt.Errorf("%d: ID %q: want another than that on line %d", e.line, e.ID, line)
		}
		if line, twice := urls[e.URL]; twice {
			return nil, fmt.Errorf("%d: URL %q: want another than that on line %d", e.line, e.URL, line)
		}
		ids[e.ID], urls[e.URL] = e.line, e.line
		list = append(list, e.BackendConfig)
	}
	return list, nil
}

// parseLines reads one backend a line, as ParseBackend does. A # that begins a word begins a comment.
func parseLines(data []byte) (entries []entry, err error) {
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		words := strings.Fields(line)
		if i := slices.IndexFunc(words, func(w string) bool { return w[0] == '#' }); i >= 0 {
			words = words[:i]
		}
		if len(words) == 0 {
			continue
		}
		text := strings.Join(words, " ")
		b, err := ParseBackend(text)
		if err != nil {
			return nil, fmt.Errorf("%d: %q: %w", number, text, err)
		}
		entries = append(entries, entry{identified(b), number})
	}
	return entries, nil
}

// errJSON is what a list in JSON should have been.
var errJSON = errors.New(`want [{"id":"web-1","url":"http://HOST:PORT","weight":1,"max_sessions":100,"backup":false}, …],` +
	` all but url optional, weight from 1 to 1000`)

// parseJSON reads an array of objects.
func parseJSON(data []byte) (entries []entry, err error) {
	var all []json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, &all); errors.As(err, &syntax) {
		return nil, fmt.Errorf("%d: %w: %w", lineOf(data, int(syntax.Offset)-1), err, errJSON)
	} else if err != nil {
		return nil, fmt.Errorf("1: %w", errJSON)
	}
	at := bytes.IndexByte(data, '[') + 1
	for _, raw := range all {
		at += bytes.Index(data[at:], raw) // past space and a comma, which begin none
		line := lineOf(data, at)
		b, err := parseObject(raw)
		if err != nil {
			return nil, fmt.Errorf("%d: %w: %w", line, err, errJSON)
		}
		entries = append(entries, entry{b, line})
		at += len(raw)
	}
	return entries, nil
}

// object is a backend in JSON.
type object struct {
	ID          string `json:"id"`
	URL         string `json:"url"`
	Weight      int    `json:"weight"`
	MaxSessions int    `json:"max_sessions"`
	Backup      bool   `json:"backup"`
}

// parseObject reads one backend of a JSON array. A name that it does not know is an error: it may be a misspelt one.
func parseObject(raw []byte) (routing.BackendConfig, error) {
	o := object{Weight: 1}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var mistyped *json.UnmarshalTypeError
	if err := d.Decode(&o); errors.As(err, &mistyped) {
		return routing.BackendConfig{}, fmt.Errorf("%q: %s", mistyped.Field, mistyped.Value)
	} else if err != nil {
		return routing.BackendConfig{}, err
	}
	b := identified(routing.BackendConfig{
		ID: o.ID, URL: o.URL, Weight: o.Weight, MaxSessions: o.MaxSessions, Backup: o.Backup,
	})
	if !isURL(b.URL) || !isID(b.ID) || !isWeight(b.Weight) || b.MaxSessions < 0 {
		return routing.BackendConfig{}, fmt.Errorf("id %q, url %q, weight %d, max_sessions %d", b.ID, b.URL, b.Weight, b.MaxSessions)
	}
	return b, nil
}

// lineOf is the number of the line that the byte at offset stands on.
func lineOf(data []byte, offset int) int { return 1 + bytes.Count(data[:offset], []byte{'\n'}) }
