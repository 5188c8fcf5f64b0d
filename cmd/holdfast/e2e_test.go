// Package main_test runs holdfast as its users do: the built binary as a
// process with flags, real Socket.IO servers behind it and real clients in
// front, all on loopback.
//
// The harness has three kinds of process, each of which ends with the test that
// started it: a backend (e2e_backend_test.go), a proxy (e2e_proxy_test.go) and
// clients (e2e_clients_test.go). All of them write JSON lines, and a test waits
// for lines, never for time to pass:
//
//	backends := startBackends(t, "js4", 3)
//	p := startProxy(t, proxyConfig{Backends: backends})
//	c := startClients(t, clientsConfig{URL: p.url(), Mode: "polling", Count: 10})
//	c.summary(t)
//	backends[0].kill(t)
//	c.wait(t, 3*time.Second, fields{"event": "disconnect"})
package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// scratch is a directory for what all tests share; TestMain removes it.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "holdfast-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	scratch = dir
	os.Setenv("HOLDFAST_ADMIN", "") // proxies that run at the same time cannot share its default port
	return m.Run()
}

// holdfast returns the path of the binary under test: HOLDFAST_TEST_BINARY, or
// one that is built once, with the race detector where the tests have it.
func holdfast(t *testing.T) string {
	t.Helper()
	path, err := buildHoldfast()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildHoldfast = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("HOLDFAST_TEST_BINARY"); path != "" {
		return path, nil
	}
	return goBuild(".", ".", fmt.Sprintf("-race=%t", raceEnabled))
})

// goBuild builds package pkg of the module in dir into scratch.
func goBuild(dir, pkg string, flags ...string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	path := filepath.Join(scratch, filepath.Base(filepath.Join(abs, pkg)))
	build := exec.Command("go", slices.Concat([]string{"build", "-o", path}, flags, []string{pkg})...)
	build.Dir = abs
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s in %s: %w\n%s", pkg, dir, err, out)
	}
	return path, nil
}

// require skips the test for want of a program, or fails it where
// HOLDFAST_TEST_REQUIRE=1 says that the machine must have everything.
func require(t *testing.T, have bool, format string, args ...any) {
	t.Helper()
	switch {
	case have:
	case os.Getenv("HOLDFAST_TEST_REQUIRE") == "1":
		t.Fatalf(format, args...)
	default:
		t.Skipf(format, args...)
	}
}
