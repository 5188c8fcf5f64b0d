//go:build linux

package process

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the CPU time, of user and system together, that the process and its children have used so far, in
// nanoseconds as the scheduler counts them: the ticks in /proc/PID/stat are a hundredth of a second long.
func (p *Process) CPU() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range p.members() {
		var t unix.Timespec
		if err := unix.ClockGettime(cpuClock(pid), &t); err != nil {
			return 0, fmt.Errorf("CPU time of %s, process %d: %w", p.name, pid, err)
		}
		sum += time.Duration(t.Nano())
	}
	return sum, nil
}

// cpuClock is the clock that clock_getcpuclockid(3) returns for a process.
func cpuClock(pid int) int32 { return int32(^uint32(pid)<<3 | 2) }

// Memory returns the resident bytes of the process and its children. What they share counts once.
func (p *Process) Memory() (int64, error) {
	var sum int64
	for _, pid := range p.members() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, fmt.Errorf("memory of %s: %w", p.name, err)
		}
		_, rest, _ := bytes.Cut(text, []byte("\nPss:"))
		words := bytes.Fields(rest)
		if len(words) == 0 {
			return 0, fmt.Errorf("memory of %s: no Pss in smaps_rollup", p.name)
		}
		kb, err := strconv.ParseInt(string(words[0]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("memory of %s: %w", p.name, err)
		}
		sum += kb << 10
	}
	return sum, nil
}

// members returns the ids of the process and its children, and their children. They are looked for once, because the
// programs that are measured start theirs before they are ready.
func (p *Process) members() []int {
	if p.family == nil {
		p.family = descendants(p.cmd.Process.Pid)
	}
	return p.family
}

func descendants(root int) []int {
	parents := map[int]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			parents[pid] = parentOf(pid)
		}
	}
	family := []int{root}
	for i := 0; i < len(family); i++ {
		for pid, parent := range parents {
			if parent == family[i] && !slices.Contains(family, pid) {
				family = append(family, pid)
			}
		}
	}
	return family
}

// parentOf reads the fourth field of /proc/PID/stat; the second is a name in parentheses that may contain anything.
func parentOf(pid int) int {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(string(fields[1]))
	return parent
}

// RaiseFiles lets this program and those it starts from now on open as many files as the machine permits, and says how
// many that is.
func RaiseFiles() (int, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("getrlimit: %w", err)
	}
	l.Cur = l.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("setrlimit: %w", err)
	}
	return int(min(l.Cur, 1<<20)), nil
}
