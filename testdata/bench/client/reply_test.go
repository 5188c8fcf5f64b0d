//go:build linux

package client_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/testdata/bench/client"
)

// serveOne answers one request on one connection with answer, and returns where.
func serveOne(t *testing.T, answer string) client.Target {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Read(make([]byte, 4096))
		conn.Write([]byte(answer))
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return client.Target{Port: ln.Addr().(*net.TCPAddr).Port}
}

func answer(from, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-length: %d\r\nX-FROM: %s\r\n\r\n%s", len(body), from, body)
}

func tick(from string) string { return `42["tick",{"from":"` + from + `"}]` }

func TestAPollsAnswerMustBeTheOneToItsRequest(t *testing.T) {
	const right = "web-1 sid-1 000000000001"
	for name, c := range map[string]struct {
		answer string
		want   string // part of the error; "" if there must be none
	}{
		"the right one passes":                    {answer(right, tick(right)), ""},
		"another backend's is misrouted":          {answer("web-2 sid-1 000000000001", tick(right)), "misrouted"},
		"another session's is somebody else's":    {answer("web-1 sid-2 000000000001", tick(right)), "somebody else"},
		"another request's is somebody else's":    {answer("web-1 sid-1 000000000002", tick(right)), "somebody else"},
		"another's body under the right head":     {answer(right, tick("web-1 sid-2 000000000001")), "wrong answer"},
		"one without a word of whom it is from":   {"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "misrouted"},
		"a refusal is an error":                   {"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", "status 400"},
		"bytes behind the answer are an error":    {answer(right, tick(right)) + "!", "behind the reply"},
		"a body cut short is an error":            {answer(right, tick(right))[:110], "closed"},
		"an answer of unknown length is an error": {"HTTP/1.1 200 OK\r\n\r\n", "without Content-Length"},
		"what is not HTTP is an error":            {"SSH-2.0-nonsense here\r\n\r\n", "not a reply"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := client.Dial(serveOne(t, c.answer))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			err = conn.Poll(&client.Session{SID: "sid-1", Backend: "web-1"})
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got error %v, want one about %q", err, c.want)
			}
		})
	}
}

func TestASessionOfUnknownPlaceStaysWhereItWasFirstSeen(t *testing.T) {
	const from = "web-3 any.1 000000000001"
	conn, err := client.Dial(serveOne(t, answer(from, tick(from))))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := &client.Session{SID: "any.1"}
	if err := conn.Poll(s); err != nil || s.Backend != "web-3" {
		t.Errorf("session is at %q, want web-3; error %v", s.Backend, err)
	}
}
