package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// pingInterval makes polls turn over every few seconds, so that there is
// something to watch; Socket.IO's own default is 25 s.
const pingInterval = 5 * time.Second

// startTimeout bounds a server's way from its start to its first line.
const startTimeout = 20 * time.Second

// errDead says that a backend's process is not running.
var errDead = errors.New("its process is not running")

// backend is one Socket.IO server: a place that keeps its name and its port,
// while the processes in it are killed and started again.
type backend struct {
	id      string
	server  command
	control string // URL of the control API, which the page is told

	mu      sync.Mutex // guards what follows; held while a process starts or dies
	port    int        // 0 until the first start
	process *process
}

// process is one life of a backend.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer     // open as long as the process may live
	gone  chan struct{} // closed when the process has been waited for
}

// sessions is how many a server has, by its own count.
type sessions struct {
	Polling   int `json:"polling"`
	WebSocket int `json:"websocket"`
}

// start starts a process and waits until it listens. It keeps the port of the
// process before it.
func (b *backend) start(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.process.running() {
		return nil
	}
	process, port, err := b.launch(ctx)
	if err != nil {
		return fmt.Errorf("backend %s: %w", b.id, err)
	}
	b.process, b.port = process, port
	return nil
}

// kill ends the process as a crash would, without a goodbye, and waits for it.
func (b *backend) kill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.process.running() {
		return fmt.Errorf("backend %s: %w", b.id, errDead)
	}
	b.process.kill()
	return nil
}

func (b *backend) running() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.process.running()
}

func (b *backend) url() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("http://127.0.0.1:%d", b.port)
}

// count asks the server for its sessions. A server that does not answer has none
// that anybody could use.
func (b *backend) count(ctx context.Context, client *http.Client) sessions {
	var count sessions
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url()+"/demo.json", nil)
	if err != nil {
		return sessions{}
	}
	response, err := client.Do(request)
	if err != nil {
		return sessions{}
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&count); err != nil {
		return sessions{}
	}
	return count
}

func (b *backend) launch(ctx context.Context) (*process, int, error) {
	arguments := append(b.server[1:len(b.server):len(b.server)],
		"--id", b.id, "--port", strconv.Itoa(b.port), "--control", b.control,
		"--ping-interval", strconv.FormatInt(pingInterval.Milliseconds(), 10))
	cmd := exec.Command(b.server[0], arguments...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, 0, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	p := &process{cmd: cmd, stdin: stdin, gone: make(chan struct{})}
	port := make(chan int, 1)
	go p.wait(stdout, port)
	select {
	case port, ok := <-port:
		if !ok {
			return nil, 0, errors.New("the server ended before it listened")
		}
		return p, port, nil
	case <-ctx.Done():
		p.kill()
		return nil, 0, ctx.Err()
	case <-time.After(startTimeout):
		p.kill()
		return nil, 0, fmt.Errorf("the server did not listen within %s", startTimeout)
	}
}

// wait reads the server's first line for its port and stays until the process
// has ended. port is closed without a value if there was no such line.
func (p *process) wait(stdout io.Reader, port chan<- int) {
	defer close(p.gone)
	lines := bufio.NewReader(stdout)
	var hello struct{ Port int }
	line, _ := lines.ReadBytes('\n')
	if json.Unmarshal(line, &hello) == nil && hello.Port != 0 {
		port <- hello.Port
	}
	close(port)
	_, _ = io.Copy(io.Discard, lines)
	_ = p.cmd.Wait() // killed, as a rule: how it ended is no news
}

// running is false for a process that never was.
func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.gone
	_ = p.stdin.Close()
}
