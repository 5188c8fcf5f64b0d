package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// socketIO returns testdata/socketio with its packages installed from npm, once
// for all tests of the repository, which may run at the same time. Without Node
// it skips the test, unless HOLDFAST_TEST_REQUIRE forbids that.
func socketIO(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("HOLDFAST_TEST_REQUIRE") != "" {
			t.Fatal("Node and npm are not installed")
		}
		t.Skip("Node and npm are not installed")
	}
	dir, err := filepath.Abs("../../testdata/socketio")
	if err == nil {
		err = install(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// install runs npm ci in dir, unless what is there comes from its lock file.
func install(dir string) error {
	lock, err := os.OpenFile(filepath.Join(dir, ".install.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	wanted, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	stamp := filepath.Join(dir, "node_modules", ".installed-from.json")
	if installed, err := os.ReadFile(stamp); err == nil && bytes.Equal(installed, wanted) {
		return nil
	}
	npm := exec.Command("npm", "ci")
	npm.Dir, npm.Stderr = dir, os.Stderr
	if err := npm.Run(); err != nil {
		return err
	}
	return os.WriteFile(stamp, wanted, 0o644)
}
