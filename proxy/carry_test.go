package proxy

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestWhatIsUnsentGoesFirst has a goroutine write behind what the loop could not send.
func TestWhatIsUnsentGoesFirst(t *testing.T) {
	near, far := net.Pipe()
	var s stream
	s.init(near)
	s.keep([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	go func() {
		defer s.close()
		if err := s.write([]byte("HTTP/1.1 200 OK\r\n\r\n"), time.Minute); err != nil {
			t.Error(err)
		}
	}()
	if got, _ := io.ReadAll(far); string(got) != "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" {
		t.Errorf("got %q", got)
	}
}

// TestAbortingABackendsConnectionSparesAClientThatRests covers an abort that comes when the exchange has just ended.
func TestAbortingABackendsConnectionSparesAClientThatRests(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	var c conn
	var u upConn
	u.init(near)
	u.carries.Store(&c)
	c.state.Store(resting)
	u.abort()
	if c.state.Load() != resting {
		t.Error("the client's connection is ended")
	}
}
