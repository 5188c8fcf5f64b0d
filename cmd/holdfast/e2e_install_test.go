package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// socketIODir returns testdata/socketio with its npm packages installed.
func socketIODir(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		_, err := exec.LookPath(program)
		require(t, err == nil, "%s is not installed: the real Socket.IO servers and clients need Node 20 or later", program)
	}
	dir, err := installPackages()
	if err != nil {
		t.Fatal(err)
	}
	dependOn(t, dir+"/*.js", dir+"/*.html", dir+"/*.py")
	return dir
}

// dependOn looks at the files, which is how go test learns that its cached
// result is void once one of them has changed.
func dependOn(t *testing.T, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if _, err := os.Stat(file); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// installPackages runs npm ci unless what is installed comes from the present
// lock file. Tests of several packages may want that at the same time, so a
// file lock lets one install while the others wait.
var installPackages = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../../testdata/socketio")
	if err != nil {
		return "", err
	}
	unlock, err := lockFile(filepath.Join(dir, ".install.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	wanted, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return "", err
	}
	stamp := filepath.Join(dir, "node_modules", ".installed-from.json")
	if installed, err := os.ReadFile(stamp); err == nil && bytes.Equal(installed, wanted) {
		return dir, nil
	}
	npm := exec.Command("npm", "ci")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci in %s: %w\n%s", dir, err, out)
	}
	return dir, os.WriteFile(stamp, wanted, 0o644)
})

// lockFile waits for an exclusive lock, which also ends with this process.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
