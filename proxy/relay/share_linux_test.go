package relay

import (
	"bytes"
	"io"
	"sync"
	"testing"
	"time"
)

func TestOnlyACrowdedLoopGivesTunnelsAway(t *testing.T) {
	for name, row := range map[string]struct {
		load, other int
		want        bool
	}{
		"it has time left":                {84, 0, false},
		"it is crowded, the other is not": {85, 55, true},
		"the other is hardly less so":     {99, 70, false},
		"both are":                        {100, 100, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := relieves(row.load, row.other); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

// TestTunnelsMoveBetweenLoops has tunnels with much to say moved to and fro, and sees that nothing is lost on the way.
func TestTunnelsMoveBetweenLoops(t *testing.T) {
	t.Run("as it comes", func(t *testing.T) { moveToAndFro(t, func(*Relay) {}) })
	t.Run("all posted", func(t *testing.T) { moveToAndFro(t, (*Relay).PostAll) })
}

func moveToAndFro(t *testing.T, prepare func(*Relay)) {
	r, err := New(Config{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	prepare(r)
	go r.Run(t.Context())
	defer r.Close()
	const count, moves = 16, 2000
	for i, l := range r.loops {
		giveAway(t, l, r.loops[1-i], moves)
	}
	var talk, ended sync.WaitGroup
	for i := range count {
		near, clientEnd := pairOf(t)
		backendNear, backendEnd := pairOf(t)
		ended.Add(1)
		if _, err := r.loops[0].start(Tunnel{Client: near, Backend: backendNear, Done: func(Stats) { ended.Done() }}); err != nil {
			t.Fatal(err)
		}
		talk.Go(func() { // without ReadFrom and WriteTo, for which the runtime would keep pipes
			io.Copy(struct{ io.Writer }{backendEnd}, struct{ io.Reader }{backendEnd})
			backendEnd.Close()
		})
		talk.Go(func() {
			defer clientEnd.Close()
			sent := bytes.Repeat([]byte{byte(i)}, 1000+8000*i)
			got := make([]byte, len(sent))
			for n := range 200 {
				sent[n%len(sent)]++
				clientEnd.Write(sent)
				if _, err := io.ReadFull(clientEnd, got); err != nil || !bytes.Equal(got, sent) {
					t.Errorf("message %d of client %d did not come back as it was: %v", n, i, err)
					return
				}
			}
		})
	}
	talk.Wait()
	ended.Wait()
	r.Close()
	for i, l := range r.loops {
		if l.share.left == moves {
			t.Errorf("no tunnel has left loop %d", i)
		}
		if n := l.share.tunnels.Load(); n != 0 {
			t.Errorf("loop %d counts %d tunnels at the end", i, n)
		}
	}
}

// giveAway has a loop give its next tunnels to another one, however busy both are.
func giveAway(t *testing.T, l, to *loop, tunnels int64) {
	t.Helper()
	near, clientEnd := pairOf(t)
	backendNear, backendEnd := pairOf(t)
	done := make(chan struct{})
	if _, err := l.start(Tunnel{Client: near, Backend: backendNear, Done: func(Stats) { // on the loop's goroutine
		l.share.looked, l.share.to, l.share.left = time.Hour, to, tunnels
		close(done)
	}}); err != nil {
		t.Fatal(err)
	}
	clientEnd.Close()
	backendEnd.Close()
	<-done
}
