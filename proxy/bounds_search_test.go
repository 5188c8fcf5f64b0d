package proxy_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// heldEach is the length of the bodies that are held in these tests.
const heldEach = 3 << 20

// hoarders posts such bodies to sessions that have to be searched for, which takes the whole body.
type hoarders struct {
	*rig
	count int // of the bodies so far
}

func newHoarders(t *testing.T) *hoarders {
	return &hoarders{rig: startProxy(t, 1, func(cfg *proxy.Config) {
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})}
}

// post sends one more body as a client of that address would.
func (h *hoarders) post(t *testing.T, from string) *client {
	t.Helper()
	h.count++
	c := h.dial(t)
	c.send("POST " + pollTarget + fmt.Sprint("unknown", h.count) + asked + "X-Forwarded-For: " + from + "\r\nContent-Length: " + decimal(heldEach) + "\r\n\r\n")
	c.send(strings.Repeat("x", heldEach))
	return c
}

// held posts a body and says whether it is held, which shows when it is on its way to the backend; otherwise it is refused.
func (h *hoarders) held(t *testing.T, from string) bool {
	t.Helper()
	before := h.backend(0).dialled()
	c := h.post(t, from)
	refused := make(chan bool, 1)
	go func() {
		_, err := c.r.ReadByte()
		refused <- err == nil
	}()
	held := false
	eventually(t, "a body is held or refused", func() bool {
		held = h.backend(0).dialled() > before
		return held || len(refused) > 0
	})
	return held
}

// TestBodiesOfSearchesAreBounded has the bodies of many clients fill all the room that there is for them, and one client's
// fill its own.
func TestBodiesOfSearchesAreBounded(t *testing.T) {
	const limit = 104 << 20 // the bound, and what slices have to spare
	for name, row := range map[string]struct {
		from func(i int) string
		want int
	}{
		"of clients with an address each: 64 MiB":  {func(i int) string { return fmt.Sprintf("10.0.0.%d", i) }, 64 << 20 / heldEach},
		"of one client: 8 MiB":                     {func(int) string { return "10.0.0.1" }, 8 << 20 / heldEach},
		"of an IPv6 network, which is one: 8 MiB":  {func(i int) string { return fmt.Sprintf("2001:db8::%x", i) }, 8 << 20 / heldEach},
		"of clients with an IPv6 network each: 64": {func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, 64 << 20 / heldEach},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHoarders(t)
			over := make(chan struct{})
			h.backend(0).serve(func(*backendConn) { <-over })
			before, held := footprint(), 0
			for i := range row.want + 3 {
				if h.held(t, row.from(i)) {
					held++
				}
			}
			cost := footprint() - before
			t.Logf("%d MiB for %d searches of %d MiB", cost>>20, held, heldEach>>20)
			if held != row.want || cost > limit {
				t.Errorf("%d bodies are held in %d bytes, want %d and at most %d bytes", held, cost, row.want, limit)
			}
			if held < 10 && !h.held(t, "192.0.2.1") {
				t.Error("a client of another address is refused")
			}
			close(over)
			eventually(t, "all is given back", func() bool { return h.held(t, row.from(1)) })
		})
	}
}

// TestAnsweredSearchesHoldNoBody has a backend answer posts in a way that says nothing of their sessions and takes its time:
// their search is over, and their bodies are not needed any more.
func TestAnsweredSearchesHoldNoBody(t *testing.T) {
	t.Parallel()
	h := newHoarders(t)
	const begun = "HTTP/1.1 500 X\r\n"
	h.backend(0).serve(func(c *backendConn) {
		c.next()
		c.send(begun + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000))
		c.hang()
	})
	for range 2 * (8 << 20) / heldEach {
		if got := h.post(t, "10.0.0.1").read(len(begun)); got != begun {
			t.Errorf("got %q", got)
		}
	}
}
