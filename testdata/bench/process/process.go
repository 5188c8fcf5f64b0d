//go:build linux

// Package process starts the programs that are measured, reads what they cost, and leaves none of them behind.
package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// GuardArg is the argument with which the calling program must run Guard.
const GuardArg = "guard"

// Group is a process group whose members do not survive the program that made it.
type Group struct {
	guard   *exec.Cmd
	life    io.Closer // the guard ends the group when this is closed, by whatever
	started []*Process
}

// NewGroup starts the guard, which is this program once more.
func NewGroup() (*Group, error) {
	cmd := exec.Command("/proc/self/exe", GuardArg)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	return &Group{guard: cmd, life: life}, nil
}

// Guard waits until its standard input ends, which it does with the program at the other end however that ends, and
// kills the process group it leads, itself included.
func Guard() {
	io.Copy(io.Discard, os.Stdin)
	syscall.Kill(0, syscall.SIGKILL)
}

// Close kills whatever is left of the group, and returns when it is gone.
func (g *Group) Close() {
	g.life.Close()
	g.guard.Wait()
	for _, p := range g.started {
		<-p.ended
	}
}

// Process is a program that was started, with all its children.
type Process struct {
	name   string
	cmd    *exec.Cmd
	said   output
	ended  chan struct{}
	family []int // it and its children; nil until asked for
}

// Start starts a program in the group. env is added to the environment.
func (g *Group) Start(name string, env []string, path string, args ...string) (*Process, error) {
	p := &Process{name: name, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: g.guard.Process.Pid}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	g.started = append(g.started, p)
	go func() { // ends with the process; Close waits for that
		p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// ErrEnded says that a process has ended before it should.
var ErrEnded = errors.New("process has ended")

// Await asks ready again and again until it reports no error, for ten seconds at most.
func (p *Process) Await(ready func() error) error {
	for limit := time.Now().Add(10 * time.Second); ; {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s: %w: %s", p.name, ErrEnded, p.said.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%s is not ready: %w: %s", p.name, err, p.said.String())
		}
	}
}

// Said returns what the process has written to its standard output and error, or the last part of it.
func (p *Process) Said() string { return p.said.String() }

// Stop asks the process to end, with two signals because one begins an orderly end that may take a while, and kills it
// if it has not after five seconds.
func (p *Process) Stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return
	case <-time.After(100 * time.Millisecond):
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// output keeps the end of what a process says.
type output struct {
	mu   sync.Mutex
	last bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last.Len() > 64<<10 {
		o.last.Reset()
	}
	return o.last.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last.String()
}
