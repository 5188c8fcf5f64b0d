//go:build linux

// Package contestant knows how holdfast, nginx and HAProxy are set up to do the same work: Engine.IO for three backends,
// with sessions that stay where they are, kept upstream connections, no logs, and nothing switched on beyond that.
package contestant

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/holdfast-proxy/holdfast/testdata/bench/client"
	"github.com/holdfast-proxy/holdfast/testdata/bench/load"
	"github.com/holdfast-proxy/holdfast/testdata/bench/process"
)

// Contestant is one proxy in one setting.
type Contestant struct {
	Name string
	Peer bool // not a holdfast: what holdfast is compared with
	Pins bool // brings a session to the backend that opened it; peers can only keep it where its sid hashes to

	write   func(Place) (files map[string]string)
	command func(Place) (path string, args []string)
}

// Place is where a contestant is to run.
type Place struct {
	Dir      string // for its files; it need not exist
	Backends []int  // ports on 127.0.0.1
	Files    int    // how many it may open
	TLS      *Certificate
	Port     int // on 127.0.0.1; chosen by Start
}

// Running is a contestant that answers. Stop it.
type Running struct {
	Contestant
	*process.Process
	Target client.Target
}

// Start starts the contestant and returns when a session at each of its backends has been answered.
func (c Contestant) Start(g *process.Group, at Place) (*Running, error) {
	var err error
	if at.Port, err = freePort(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(at.Dir, 0o755); err != nil {
		return nil, err
	}
	for name, text := range c.write(at) {
		if err := os.WriteFile(filepath.Join(at.Dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	path, args := c.command(at)
	p, err := g.Start(c.Name, nil, path, args...)
	if err != nil {
		return nil, err
	}
	r := &Running{Contestant: c, Process: p, Target: client.Target{Port: at.Port}}
	if at.TLS != nil {
		r.Target.TLS = at.TLS.client
	}
	if err := p.Await(func() error { return r.serves(len(at.Backends)) }); err != nil {
		p.Stop()
		return nil, err
	}
	return r, nil
}

var errIncomplete = errors.New("not every backend is served")

// serves says whether sessions come to all n backends.
func (r *Running) serves(n int) error {
	opener, err := load.NewOpener(r.Target, r.Pins)
	if err != nil {
		return err
	}
	defer opener.Close()
	conn, err := client.Dial(r.Target)
	if err != nil {
		return err
	}
	defer conn.Close()
	seen := map[string]bool{}
	for range 20 * n {
		s, err := opener.Open()
		if err != nil {
			return err
		}
		if err := conn.Poll(s); err != nil {
			return err
		}
		if seen[s.Backend] = true; len(seen) == n {
			return nil
		}
	}
	return errIncomplete
}

// freePort finds a port that nobody listens on. Somebody else might take it before it is used; the run fails then.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// Find returns where a program is installed, also where only an administrator's PATH leads.
func Find(program string) (path string, ok bool) {
	for _, name := range []string{program, "/usr/sbin/" + program, "/usr/local/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}

func backendURL(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
