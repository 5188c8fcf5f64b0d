package main_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that a test started. It keeps every line the program
// writes to stdout and stderr, and ends with the test at the latest.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	exited chan struct{} // closed when the program has ended and all its lines are kept

	mu    sync.Mutex
	lines []line
	news  chan struct{} // closed, and replaced, when a line comes
}

// start runs the command; name stands for it in failures.
func start(t *testing.T, name string, command string, args ...string) *process {
	t.Helper()
	return startCommand(t, name, exec.Command(command, args...))
}

// startCommand is start for a command that has more to it.
func startCommand(t *testing.T, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{
		name:   name,
		cmd:    cmd,
		exited: make(chan struct{}),
		news:   make(chan struct{}),
	}
	dieWithTests(p.cmd)
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, w, w
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		t.Fatalf("start %s: %v", name, err)
	}
	go p.read(r)
	t.Cleanup(func() { p.end(t) })
	return p
}

// read keeps the lines until the program has closed its output, and reaps it.
func (p *process) read(r *os.File) {
	defer close(p.exited)
	defer p.cmd.Wait()
	defer r.Close()
	in := bufio.NewReader(r)
	for {
		text, err := in.ReadBytes('\n')
		if len(text) > 0 {
			p.keep(parseLine(text))
		}
		if err != nil {
			return
		}
	}
}

func (p *process) keep(l line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, l)
	close(p.news)
	p.news = make(chan struct{})
}

// find returns the lines so far that have the wanted fields.
func (p *process) find(want fields) []line {
	found, _ := p.look(want)
	return found
}

// look is find, with a channel that is closed when there may be more to find.
func (p *process) look(want fields) ([]line, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []line
	for _, l := range p.lines {
		if l.has(want) {
			found = append(found, l)
		}
	}
	return found, p.news
}

// wait returns the first line with the wanted fields, if need be a future one.
// It fails the test when there is none in time.
func (p *process) wait(t *testing.T, within time.Duration, want fields) line {
	t.Helper()
	return p.waitCount(t, within, 1, want)[0]
}

// waitCount is wait for n lines.
func (p *process) waitCount(t *testing.T, within time.Duration, n int, want fields) []line {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	exited := p.exited
	for {
		found, news := p.look(want)
		if len(found) >= n {
			return found
		}
		if exited == nil {
			t.Fatalf("%s ended with %d of %d lines %v", p.name, len(found), n, want)
		}
		select {
		case <-news:
		case <-exited:
			exited = nil // look once more: its last lines are there now
		case <-deadline.C:
			t.Fatalf("%s: %d of %d lines %v within %v", p.name, len(found), n, want, within)
		}
	}
}

// command writes one JSON line to the program's stdin.
func (p *process) command(t *testing.T, command fields) {
	t.Helper()
	text, err := json.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.stdin.Write(append(text, '\n')); err != nil {
		t.Fatalf("%s: command %s: %v", p.name, text, err)
	}
}

// signal sends a signal to the program alone.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("%s: signal %v: %v", p.name, s, err)
	}
}

// kill ends the program as kill -9 does, waits until it is gone and returns
// when the signal was sent.
func (p *process) kill(t *testing.T) time.Time {
	t.Helper()
	at := time.Now()
	p.signal(t, syscall.SIGKILL)
	p.waitExit(t, 5*time.Second)
	return at
}

// waitExit returns the exit code, which is -1 after a signal.
func (p *process) waitExit(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		t.Fatalf("%s is still running after %v", p.name, within)
		return 0
	}
}

// end is the cleanup: the end of stdin is a request, SIGKILL follows. When the
// test has failed, the process's last lines tell what it saw.
func (p *process) end(t *testing.T) {
	p.stdin.Close()
	if t.Failed() {
		t.Logf("%s, last lines:\n%s", p.name, p.tail(15))
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("%s: kill: %v", p.name, err)
	}
	p.waitExit(t, 5*time.Second)
}

// tail returns the last n lines, each cut to a readable length.
func (p *process) tail(n int) string {
	p.mu.Lock()
	lines := slices.Clone(p.lines)
	p.mu.Unlock()
	var b strings.Builder
	for _, l := range lines[max(0, len(lines)-n):] {
		fmt.Fprintf(&b, "\t%.300s\n", strings.TrimSpace(l.text))
	}
	return b.String()
}
