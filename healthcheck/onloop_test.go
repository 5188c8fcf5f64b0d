package healthcheck_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

const refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\n" + `{"code":1,"message":"Session ID unknown"}`

// questions starts a server whose checks arrive on a channel when they have
// asked: whoever takes one answers it.
func questions(t *testing.T) (url string, asked <-chan net.Conn) {
	t.Helper()
	l, all := listen(t), make(chan net.Conn, 16)
	raw(t, l, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			all <- conn
		}
	})
	return "http://" + l.Addr().String(), all
}

// next returns the next check that has asked.
func next(t *testing.T, asked <-chan net.Conn) net.Conn {
	t.Helper()
	select {
	case conn := <-asked:
		return conn
	case <-time.After(30 * time.Second):
		t.Fatal("no check asks")
		return nil
	}
}

// watchOne runs a Checker of one target until stop is called, which waits for it.
func watchOne(t *testing.T, cfg healthcheck.Config, url string) (c *healthcheck.Checker, stop func()) {
	t.Helper()
	c, err := healthcheck.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.Set([]healthcheck.Target{{ID: "a", URL: url}})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return c, stop
}

func TestACheckUnderWayOnALoopIsHungUpWhenRunEnds(t *testing.T) {
	url, asked := questions(t)
	_, stop := watchOne(t, healthcheck.Config{
		Probe: engineIO(), Loop: startLoop(t), Timeout: time.Hour,
		OnChange: func(c healthcheck.Change) { t.Errorf("%+v at the end of Run", c) },
	}, url)
	conn := next(t, asked)
	stop()
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the check's connection ends with %v, want EOF", err)
	}
}

func TestARefusalDuringACheckOnALoopIsFollowedByAnother(t *testing.T) {
	url, asked := questions(t)
	changes := make(chan healthcheck.Change, 16)
	c, _ := watchOne(t, healthcheck.Config{
		Probe: engineIO(), Loop: startLoop(t), Interval: time.Hour, Timeout: time.Hour,
		OnChange: func(c healthcheck.Change) { changes <- c },
	}, url)
	first := next(t, asked)
	c.Observe("a", healthcheck.DialRefused, someone)
	await(t, changes, healthcheck.Suspect)
	io.WriteString(first, refusal)
	io.WriteString(next(t, asked), refusal) // by the interval alone it would come in ten minutes or more
	await(t, changes, healthcheck.Up)
}

func TestAPanicWhileAReplyIsJudgedOnALoopFailsTheCheck(t *testing.T) {
	l := listen(t)
	serve(t, l, socketIO)
	probe := healthcheck.EngineIO(healthcheck.Request{}, func(int, []byte, string) bool { panic("at the disco") })
	loop := startLoop(t)
	for range 2 { // the loop has survived the first
		err := healthcheck.AskOn(loop, probe, "http://"+l.Addr().String(), 30*time.Second)
		if err == nil || !strings.Contains(err.Error(), "at the disco") {
			t.Errorf("%v, want the panic", err)
		}
	}
}

// pieces is a Loop on which a server answers in pieces of one byte.
type pieces struct {
	healthcheck.Loop
	text string
}

func (l pieces) Talk(_, _ string, _ []byte, reply func([]byte, error) bool) (func(), error) {
	go func() {
		more := reply(nil, nil)
		for i := 0; more && i < len(l.text); i++ {
			more = reply([]byte(l.text[i:i+1]), nil)
		}
		if more {
			reply(nil, io.EOF)
		}
	}()
	return func() {}, nil
}

func TestAReplyMayComeInManyPiecesOnALoopButNotInAnyNumber(t *testing.T) {
	loop := startLoop(t)
	ask := func(text string) error {
		return healthcheck.AskOn(pieces{loop, text}, engineIO(), "http://192.0.2.1", 30*time.Second)
	}
	if err := ask(refusal); err != nil {
		t.Errorf("a refusal byte by byte: %v", err)
	}
	if err := ask(refusal[:60]); err == nil || errors.Is(err, healthcheck.ErrNotEngineIO) {
		t.Errorf("half of one: %v", err)
	}
	long := "HTTP/1.1 400 Bad Request\r\nX-Pad: " + strings.Repeat("x", 300) + refusal[24:]
	if err := ask(long); err == nil || !strings.Contains(err.Error(), "more than 256 pieces") {
		t.Errorf("a long reply byte by byte: %v", err)
	}
}
