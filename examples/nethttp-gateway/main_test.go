package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing"
)

// count is how many clients each row runs, in one process from one address.
const count = 30

func TestRealClientsKeepTheirSessions(t *testing.T) {
	dir := socketIO(t)
	var urls []string
	for i := range 3 {
		urls = append(urls, startServer(t, dir, fmt.Sprint("s", i)))
	}
	for _, row := range []struct{ version, mode, transport string }{
		{"4", "default", "websocket"},
		{"4", "polling", "polling"},
		{"4", "websocket", "websocket"},
		{"3", "default", "websocket"},
		{"2", "default", "websocket"},
		{"2", "jsonp", "polling"},
	} {
		t.Run("client "+row.version+" "+row.mode, func(t *testing.T) {
			t.Parallel()
			handler, err := newGateway(routing.NewSessions(routing.SessionsConfig{}), urls)
			if err != nil {
				t.Fatal(err)
			}
			gateway := httptest.NewServer(handler)
			t.Cleanup(gateway.Close) // waits for its requests, so the clients end first
			servers := map[string]int{}
			for _, c := range runClients(t, dir, gateway.URL, row.version, row.mode) {
				servers[c.Server]++
				if problem := c.problem(row.transport); problem != nil {
					t.Errorf("client %d: %v", c.Client, problem)
				}
			}
			for server, n := range servers {
				if n < count/3-3 || n > count/3+3 {
					t.Errorf("server %s has %d sessions of %d, want a third", server, n, count)
				}
			}
		})
	}
}

func TestSomebodyElsesSIDIsRefusedInEngineIOsWords(t *testing.T) {
	handler, err := newGateway(routing.NewSessions(routing.SessionsConfig{}), []string{"http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	reply := httptest.NewRecorder()
	handler.ServeHTTP(reply, httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=polling&sid=nobody", nil))
	if want := `{"code":1,"message":"Session ID unknown"}` + "\n"; reply.Code != http.StatusBadRequest || reply.Body.String() != want {
		t.Errorf("got %d %q, want 400 %q", reply.Code, reply.Body, want)
	}
}

// report is what clients.js says of one client.
type report struct {
	Client                                     int
	Done                                       bool
	Server, Transport                          string
	Welcomes, Disconnects, ConnectErrors       int
	Sent, Lost, Duplicated, Reordered, Garbled int
	Statuses                                   map[string]int
}

// problem tells what is wrong with a client that should have had one session,
// without a refusal or a loss, and ended on the transport.
func (r report) problem(transport string) error {
	for status := range r.Statuses {
		if status != "200" && status != "101" {
			return fmt.Errorf("saw status %s: %v", status, r.Statuses)
		}
	}
	if !r.Done || r.Sent == 0 || r.Welcomes != 1 || r.Disconnects+r.ConnectErrors > 0 {
		return fmt.Errorf("did not finish in one session: %+v", r)
	}
	if r.Transport != transport {
		return fmt.Errorf("is on %s, want %s", r.Transport, transport)
	}
	if r.Lost+r.Duplicated+r.Reordered+r.Garbled > 0 {
		return fmt.Errorf("messages suffered: %+v", r)
	}
	return nil
}

// startServer runs a real Socket.IO 4 server until the test ends.
func startServer(t *testing.T, dir, id string) (url string) {
	t.Helper()
	var listening struct{ Port int }
	read(t, node(t, dir, "server.js", "--version", "4", "--id", id, "--allow-eio3"), "listening", &listening)
	return fmt.Sprint("http://127.0.0.1:", listening.Port)
}

// runClients runs real clients until they have exchanged their messages.
func runClients(t *testing.T, dir, url, version, mode string) []report {
	t.Helper()
	var summary struct{ Clients []report }
	read(t, node(t, dir, "clients.js", "--url", url, "--version", version, "--mode", mode, "--count", fmt.Sprint(count)), "summary", &summary)
	return summary.Clients
}

// node starts a program of testdata/socketio, which ends when the test does, and
// returns its lines.
func node(t *testing.T, dir string, args ...string) *bufio.Reader {
	t.Helper()
	cmd := exec.Command("node", args...)
	cmd.Dir = dir
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	t.Cleanup(func() {
		stdin.Close() // which ends the program
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait()
	})
	return lines
}

// read decodes the first line of that event and has all further ones discarded.
func read(t *testing.T, lines *bufio.Reader, event string, into any) {
	t.Helper()
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatal(errors.Join(fmt.Errorf("no line %q", event), err))
		}
		var kind struct{ Event string }
		if json.Unmarshal(line, &kind) == nil && kind.Event == event {
			if err := json.Unmarshal(line, into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
}
