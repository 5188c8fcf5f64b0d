package main

import (
	"bytes"
	goflag "flag" // flag is a function here
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = goflag.Bool("update", false, "write testdata/help.golden instead of comparing with it")

const golden = "../../testdata/help.golden"

// TestHelp compares --help with its golden text, which is as much API as the flags themselves, and keeps it readable.
func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if err := newApp(&out, &out).Run([]string{"holdfast", "--help"}); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("--help has changed; run go test ./cmd/holdfast -run TestHelp -update and read the difference:\n%s", &out)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) > 100 {
		t.Errorf("--help has %d lines, want two screens of 50 at most", len(lines))
	}
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > 120 {
			t.Errorf("a line of --help has %d characters, want 120 at most: %s", n, line)
		}
	}
}

// TestEveryFlagIsInTheHelpAndTheEnvironment guards what the help promises of all flags.
func TestEveryFlagIsInTheHelpAndTheEnvironment(t *testing.T) {
	help, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flags() {
		name := f.Names()[0]
		if !strings.Contains(string(help), "\n  --"+name+" ") {
			t.Errorf("--%s is not in the help", name)
		}
		if env := f.(interface{ GetEnvVars() []string }).GetEnvVars(); len(env) != 1 || env[0] != envName(name) {
			t.Errorf("--%s has environment names %v, want %s", name, env, envName(name))
		}
	}
}
