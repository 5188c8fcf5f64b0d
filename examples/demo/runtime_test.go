package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWithoutNodeTheServersAreGoOnes(t *testing.T) {
	onlyGo(t)
	var out strings.Builder
	server, cleanup, err := prepare(t.Context(), options{out: &out})
	if err != nil {
		t.Fatal(err)
	}
	defer cleanup()
	if !strings.Contains(out.String(), "The servers are Go ones") || !strings.Contains(out.String(), "npm is not installed") {
		t.Errorf("the demo does not say why there is no Node: %q", &out)
	}
	b := &backend{id: "a", server: server}
	if err := b.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.kill(); err != nil {
		t.Error(err)
	}
}

// onlyGo leaves nothing but the go command on the PATH.
func onlyGo(t *testing.T) {
	t.Helper()
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(goCommand, filepath.Join(dir, "go")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
}

func TestServerThatCannotStartIsAnError(t *testing.T) {
	b := &backend{id: "a", server: command{"go", "no-such-command"}}
	if err := b.start(t.Context()); err == nil || !strings.Contains(err.Error(), "backend a") {
		t.Errorf("got %v, want an error that names the backend", err)
	}
	if b.running() {
		t.Error("it counts as running")
	}
}
