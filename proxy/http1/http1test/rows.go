// Package http1test reads the rows of testdata/http1, so that every carrier can be tested with the messages that
// http1 is tested with. The format is described in testdata/http1/README.md.
package http1test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Row is one message and what must become of it.
type Row struct {
	Name    string            // a sentence, unique in its file
	Raw     []byte            // bytes as they arrive
	Method  string            // of the request that a reply answers
	Verdict string            // "pass", "refuse" or "more"
	Want    map[string]string // what the row says of the outcome, unquoted
}

// Load reads the rows of one file. It fails the test when the file is not well-formed.
func Load(tb testing.TB, path string) []Row {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	rows, err := parse(string(text))
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return rows
}

// parse reads the lines of a file. A row begins with its name and ends with its verdict.
func parse(text string) (rows []Row, err error) {
	row := Row{Method: "GET"}
	for i, line := range strings.Split(text, "\n") {
		mark, rest, _ := strings.Cut(line, " ")
		switch mark {
		case "", "#", "##":
		case ":":
			row.Name = rest
		case "@":
			row.Method = rest
		case ">":
			row.Raw, err = appendBytes(row.Raw, rest)
		case "<":
			row.Verdict, row.Want, err = parseWant(rest)
			rows = append(rows, row)
			row = Row{Method: "GET"}
		default:
			err = fmt.Errorf("unknown mark %q", mark)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return rows, nil
}

// appendBytes appends a Go string literal, or one that is to be repeated: 100 * "A: b\r\n".
func appendBytes(dst []byte, literal string) ([]byte, error) {
	times := 1
	if count, rest, ok := strings.Cut(literal, " * "); ok && count[0] != '"' {
		n, err := strconv.Atoi(count)
		if err != nil {
			return nil, err
		}
		times, literal = n, rest
	}
	s, err := strconv.Unquote(literal)
	return append(dst, strings.Repeat(s, times)...), err
}

// parseWant splits "pass method=\"GET\" minor=1" into its verdict and its keys.
func parseWant(s string) (verdict string, want map[string]string, err error) {
	verdict, s, _ = strings.Cut(s, " ")
	want = map[string]string{}
	for s != "" {
		key, rest, ok := strings.Cut(s, "=")
		if !ok {
			return "", nil, fmt.Errorf("%q: want key=value", s)
		}
		value, err := strconv.QuotedPrefix(rest)
		if err != nil {
			value, _, _ = strings.Cut(rest, " ")
		}
		s = strings.TrimPrefix(rest[len(value):], " ")
		if unquoted, err := strconv.Unquote(value); err == nil {
			value = unquoted
		}
		want[key] = value
	}
	return verdict, want, nil
}
