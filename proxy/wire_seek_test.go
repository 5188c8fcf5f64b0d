package proxy_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestSeekPastCaptures asks for a session that the proxy does not know, with one backend that owns it and one that denies it
// in the words of a real server. Whichever is asked first, the owner gets the request once, and its reply is the client's.
func TestSeekPastCaptures(t *testing.T) {
	t.Parallel()
	k := newSeekRun(t)
	names, _ := filepath.Glob(captures + "*-unksid-*.http")
	cases, denials := 0, 0
	const captured = "AAAAAAAAAAAAAAAAAAAA" // the sid in all of them
	for _, name := range names {
		denial, request := load(t, name), load(t, strings.TrimSuffix(name, ".http")+".req")
		if strings.Contains(name, "badtransport") || strings.Contains(denial, "accepted origin") {
			continue // says nothing of the sid
		}
		cases++
		t.Run(strings.TrimSuffix(filepath.Base(name), ".http"), func(t *testing.T) {
			for owner := range 2 {
				sid := fmt.Sprintf("%0*d", len(captured), 2*cases+owner)
				denials += k.seek(t, owner, strings.ReplaceAll(request, captured, sid), strings.ReplaceAll(denial, captured, sid))
			}
		})
	}
	if cases < 140 || denials < cases {
		t.Errorf("%d denials in %d cases, want one in each of at least 140", denials, cases)
	}
}

// seekRun has each of two backends answer everything with bytes of its own.
type seekRun struct {
	*rig
	answers [2]atomic.Pointer[string]
}

func newSeekRun(t *testing.T) *seekRun {
	k := &seekRun{rig: startProxy(t, 2, nil)}
	for i, b := range k.backends {
		b.serve(func(c *backendConn) {
			for {
				if _, more := c.next(); !more {
					return
				}
				answer := *k.answers[i].Load()
				c.send(answer)
				if answer == switching || strings.Contains(answer, "close\r\n") {
					return
				}
			}
		})
	}
	return k
}

// seek sends the request, has all but the owner deny it, and returns how many of them were asked.
func (k *seekRun) seek(t *testing.T, owner int, request, denial string) (denials int) {
	asked, err := readRequest(newReader(request))
	if err != nil {
		t.Fatal(err)
	}
	answer, want := ownersReply(asked)
	k.answers[owner].Store(&answer)
	k.answers[1-owner].Store(&denial)
	before := [2]int{len(k.backend(0).seen()), len(k.backend(1).seen())}
	c := k.dial(t)
	defer c.Close()
	if got := c.ask(request); got.head+got.body != want {
		t.Errorf("the client got %q, want %q", got.raw(), want)
	}
	found, denied := k.backend(owner).seen()[before[owner]:], k.backend(1 - owner).seen()[before[1-owner]:]
	if len(found) != 1 {
		t.Fatalf("the owner got %q, want %q once", starts(found), asked.start)
	}
	if found[0].start != asked.start || found[0].body != asked.body {
		t.Errorf("the owner got %q, want %q", found[0].raw(), asked.raw())
	}
	if len(denied) > 1 || len(denied) == 1 && denied[0].raw() != found[0].raw() {
		t.Errorf("the other one got %q, want what the owner got at most", starts(denied))
	}
	return len(denied)
}

// ownersReply is what a session's backend answers, and what its client gets of that.
func ownersReply(asked message) (answer, want string) {
	switch {
	case asked.has("Upgrade"):
		return switching, switched
	case asked.method() == "POST":
		return ok, ok
	case strings.Contains(asked.target(), "EIO=4"):
		return reply("200 OK", "4hello"), reply("200 OK", "4hello")
	}
	return reply("200 OK", "6:4hello"), reply("200 OK", "6:4hello")
}

// TestSeekFindsNobody has all backends deny a sid: its client is told so by us, and the next one without asking again.
func TestSeekFindsNobody(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 3, nil)
	for _, b := range g.backends {
		b.serve(answering(reply("400 Bad Request", codeOne)))
	}
	for name, request := range map[string]string{
		"poll":    poll("nobody-p"),
		"post":    post("nobody-q"),
		"upgrade": "GET " + pollTarget + "nobody-u" + asked + upgradeFields + "\r\n",
	} {
		before := len(g.backend(0).seen()) + len(g.backend(1).seen()) + len(g.backend(2).seen())
		for range 3 {
			c := g.dial(t)
			if got := c.ask(request); got.status() != 400 || !strings.Contains(got.body, "Session ID unknown") {
				t.Errorf("a %s got %q", name, got.raw())
			}
			c.Close()
		}
		if n := len(g.backend(0).seen()) + len(g.backend(1).seen()) + len(g.backend(2).seen()) - before; n != 3 && name != "upgrade" {
			t.Errorf("a %s was sent %d times, want once to each backend", name, n)
		}
	}
}
