//go:build linux

package process_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-proxy/holdfast/testdata/bench/process"
)

// The test's program is also the guard, and a program that has started something.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == process.GuardArg:
		process.Guard()
	case len(os.Args) == 2 && os.Args[1] == "starter":
		starter()
	}
	os.Exit(m.Run())
}

// starter starts a shell with a child, says their ids, and waits to be killed.
func starter() {
	group, err := process.NewGroup()
	if err != nil {
		panic(err)
	}
	p, err := group.Start("shell", nil, "/bin/sh", "-c", "sleep 60 & echo $$ $!; wait")
	if err != nil {
		panic(err)
	}
	p.Await(func() error {
		if !strings.Contains(p.Said(), "\n") {
			return os.ErrNotExist
		}
		return nil
	})
	fmt.Print(p.Said())
	select {}
}

func TestNothingSurvivesTheProgramThatStartedIt(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "starter")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var handles []unix.PollFd
	for _, word := range strings.Fields(line) {
		pid, _ := strconv.Atoi(word)
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatalf("process %d: %v", pid, err)
		}
		defer unix.Close(fd)
		handles = append(handles, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	cmd.Process.Kill()
	cmd.Wait()
	for i := range handles {
		if n, err := unix.Poll(handles[i:i+1], 5000); n != 1 {
			t.Errorf("process %d of %q lives on (%v)", i+1, line, err)
		}
	}
}

func TestCPUTimeIsWhatTheKernelAccounts(t *testing.T) {
	group, err := process.NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	never := filepath.Join(t.TempDir(), "never")
	if err := syscall.Mkfifo(never, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := group.Start("shell", nil, "/bin/sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; times; read i <$0", never)
	if err != nil {
		t.Fatal(err)
	}
	var user, system string
	if err := p.Await(func() error {
		_, err := fmt.Sscan(p.Said(), &user, &system)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	want := clockTime(t, user) + clockTime(t, system)
	got, err := p.CPU()
	if err != nil || got < want-20*time.Millisecond || got > want+100*time.Millisecond {
		t.Errorf("CPU time %v (%v), the shell says %v", got, err, want)
	}
	if bytes, err := p.Memory(); err != nil || bytes < 100<<10 || bytes > 100<<20 {
		t.Errorf("%d bytes resident (%v), want what a small program takes", bytes, err)
	}
	p.Stop()
	if _, err := p.CPU(); err == nil {
		t.Error("CPU time of a process that has ended")
	}
}

// clockTime reads what the shell's times prints, as 0m0.123000s.
func clockTime(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
