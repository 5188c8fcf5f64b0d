//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-proxy/holdfast/testdata/bench/contestant"
)

// describeMachine says where the run took place, and with which versions.
func describeMachine() string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	release, _, _ := strings.Cut(string(bytes.TrimSpace(kernel)), "-")
	versions := []string{"holdfast built with " + runtime.Version()}
	for _, program := range []string{"nginx", "haproxy"} {
		if path, ok := contestant.Find(program); ok {
			versions = append(versions, versionOf(path))
		}
	}
	return fmt.Sprintf("%s, %d cores, Linux %s; %s.", processor(), runtime.NumCPU(), release, strings.Join(versions, ", "))
}

// versionOf returns the first line that a program says of itself, without what its packager adds.
func versionOf(path string) string {
	text, _ := exec.Command(path, "-v").CombinedOutput()
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

// usage is how much CPU time has been used so far.
type usage struct {
	at   time.Time
	all  time.Duration // by everything on this machine, and by others on its host
	ours time.Duration // by this program, and those it has started that have ended
}

func usageNow() usage {
	u := usage{at: time.Now()}
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	for i, word := range strings.Fields(line) {
		ticks, err := strconv.Atoi(word)
		if idle := i == 4 || i == 5; err == nil && !idle && i <= 8 { // proc_stat(5): the rest is counted twice
			u.all += time.Duration(ticks) * tick
		}
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if syscall.Getrusage(who, &r) == nil {
			u.ours += time.Duration(r.Utime.Nano() + r.Stime.Nano())
		}
	}
	return u
}

// tick is the unit of /proc/stat, on every machine that Go runs on.
const tick = time.Second / 100

// foreignSince returns the share of the machine that was not at the run's disposal.
func (u usage) foreignSince(began usage) float64 {
	whole := float64(u.at.Sub(began.at)) * float64(runtime.NumCPU())
	return max(0, float64((u.all-began.all)-(u.ours-began.ours))/whole)
}
