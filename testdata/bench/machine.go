//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/holdfast-proxy/holdfast/testdata/bench/contestant"
)

// describeMachine says where the run took place, and with which versions.
func describeMachine(b *bench) string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	release, _, _ := strings.Cut(string(bytes.TrimSpace(kernel)), "-")
	versions := []string{"holdfast built with " + runtime.Version()}
	for program, flag := range map[string]string{"nginx": "-v", "haproxy": "-v"} {
		if path, ok := contestant.Find(program); ok {
			versions = append(versions, versionOf(path, flag))
		}
	}
	return fmt.Sprintf("%s, %d cores, Linux %s; %s.", processor(), runtime.NumCPU(), release, strings.Join(versions, ", "))
}

// versionOf returns the first line that a program says of itself, without what its packager adds.
func versionOf(path, flag string) string {
	text, _ := exec.Command(path, flag).CombinedOutput()
	line, _, _ := strings.Cut(string(text), "\n")
	line = strings.TrimPrefix(line, "nginx version: ")
	line, _, _ = strings.Cut(line, "+")
	return strings.Replace(line, " version", "", 1)
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := bytes.Cut(text, []byte("model name"))
	_, rest, _ = bytes.Cut(rest, []byte(":"))
	name, _, found := bytes.Cut(rest, []byte("\n"))
	if !found {
		return runtime.GOARCH
	}
	return string(bytes.TrimSpace(name))
}

// loadAverage is the machine's, over one minute.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
