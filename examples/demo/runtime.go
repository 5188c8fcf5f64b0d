package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// oldestNode is the first major version that can run server.js.
const oldestNode = 18

// command builds the command line that starts one server; its flags follow.
type command []string

// prepare makes the servers ready to start: the real ones in Node where it can,
// else their stand-ins in Go. It tells out what it does and why. cleanup removes
// what it left outside the demo's directory.
func prepare(ctx context.Context, o options) (server command, cleanup func(), err error) {
	if o.noNode {
		fmt.Fprintln(o.out, "The servers are the Go ones, as asked for by -no-node.")
		return buildGo(ctx, o)
	}
	if err := prepareNode(ctx, o); err != nil {
		fmt.Fprintf(o.out, "The servers are Go ones and the page has a small client of its own: %v.\n", err)
		return buildGo(ctx, o)
	}
	return command{"node", filepath.Join(o.dir, "server.js")}, func() {}, nil
}

// prepareNode installs the servers' packages, unless they already are.
func prepareNode(ctx context.Context, o options) error {
	if err := checkNode(ctx); err != nil {
		return err
	}
	lock, err := os.ReadFile(filepath.Join(o.dir, "package-lock.json"))
	if err != nil {
		return fmt.Errorf("package-lock.json is not in the working directory: %w", err)
	}
	stamp := filepath.Join(o.dir, "node_modules", ".installed")
	sum := sha256.Sum256(lock)
	want := []byte(hex.EncodeToString(sum[:]))
	if have, err := os.ReadFile(stamp); err == nil && bytes.Equal(have, want) {
		return nil
	}
	fmt.Fprintln(o.out, "Installing Socket.IO's server and client from npm (once) …")
	npm := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = o.dir
	if output, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci failed (%w): %s", err, bytes.TrimSpace(output))
	}
	return os.WriteFile(stamp, want, 0o644)
}

// checkNode tells why Node cannot be used, if so.
func checkNode(ctx context.Context) error {
	if _, err := exec.LookPath("npm"); err != nil {
		return errors.New("npm is not installed")
	}
	output, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return errors.New("node is not installed")
	}
	version := strings.TrimPrefix(strings.TrimSpace(string(output)), "v")
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestNode {
		return fmt.Errorf("node %s is older than %d", version, oldestNode)
	}
	return nil
}

// buildGo builds the stand-in servers into a temporary directory.
func buildGo(ctx context.Context, o options) (command, func(), error) {
	dir, err := os.MkdirTemp("", "holdfast-demo-")
	if err != nil {
		return nil, nil, err
	}
	cleanup := func() { _ = os.RemoveAll(dir) }
	program := filepath.Join(dir, "server.exe") // the name Windows wants; others do not mind
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./server")
	build.Dir = o.dir
	if output, err := build.CombinedOutput(); err != nil {
		cleanup()
		return nil, nil, fmt.Errorf("go build ./server failed (%w): %s", err, bytes.TrimSpace(output))
	}
	return command{program}, cleanup, nil
}
