package proxy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// TestAnySplit pipelines requests of all framings and many lengths, cut into pieces anywhere, to a backend whose replies are as
// mixed and cut as well: both sides get what the other has sent, in order.
func TestAnySplit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		t.Run(fmt.Sprint("dice ", seed), func(t *testing.T) {
			t.Parallel()
			anySplit(t, rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

func anySplit(t *testing.T, dice *rand.Rand) {
	g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.NoSeek = true })
	g.backend(0).serve(func(c *backendConn) {
		dice := rand.New(rand.NewPCG(uint64(c.nr), 1))
		for {
			m, more := c.next()
			if !more {
				return
			}
			sendSplit(dice, c.send, randomReply(dice, m))
		}
	})
	const n = 25
	methods, bodies, all := make([]string, n), make([]string, n), ""
	for i := range n {
		methods[i], bodies[i] = []string{"GET", "POST", "HEAD", "PUT"}[dice.IntN(4)], randomBody(dice)
		all += randomRequest(dice, methods[i], fmt.Sprint("/", i), bodies[i])
	}
	c := g.dial(t)
	sent := make(chan struct{})
	go func() { defer close(sent); sendSplit(dice, c.send, all) }()
	for i, method := range methods {
		want := fmt.Sprint("/", i, " ", bodies[i])
		if method == "HEAD" {
			want = ""
		}
		if got := c.replyTo(method); got.body != want || got.value("X-Target") != fmt.Sprint("/", i) {
			t.Fatalf("%s /%d got %.200q with %d bytes, want %d", method, i, got.head, len(got.body), len(want))
		}
		if c.lastCloses {
			t.Fatalf("%s /%d with %d bytes ends the connection although nobody wants that", method, i, len(bodies[i]))
		}
	}
	<-sent
	for i, m := range g.backend(0).seen() {
		if m.start != fmt.Sprintf("%s /%d HTTP/1.1", methods[i], i) || m.body != bodies[i] {
			t.Errorf("the backend got %q with %d bytes, want %s /%d with %d", m.start, len(m.body), methods[i], i, len(bodies[i]))
		}
	}
}

// randomBody is empty, short, about as long as the buffers in use, or long.
func randomBody(dice *rand.Rand) string {
	n := []int{0, dice.IntN(50), 4096 - dice.IntN(300), 16<<10 + dice.IntN(10) - 5, 32<<10 - dice.IntN(300), dice.IntN(200_000)}[dice.IntN(6)]
	return strings.Repeat("0123456789abcdef\r\n\r\nGET / HTTP/1.1\r\n", n/36+1)[:n]
}

func randomRequest(dice *rand.Rand, method, target, body string) string {
	head := method + " " + target + asked + "X-Pad: " + strings.Repeat("x", dice.IntN(dice.IntN(5000)+1)) + "\r\n"
	switch {
	case body == "" && dice.IntN(2) == 0:
		return head + "\r\n"
	case dice.IntN(2) == 0:
		return head + "Transfer-Encoding: chunked\r\n\r\n" + randomChunks(dice, body)
	}
	return head + "Content-Length: " + decimal(len(body)) + "\r\n\r\n" + body
}

// randomReply tells the request's target and body again.
func randomReply(dice *rand.Rand, m message) string {
	head := "HTTP/1.1 200 OK\r\nX-Target: " + m.target() + "\r\nX-Pad: " + strings.Repeat("x", dice.IntN(3000)) + "\r\n"
	body := m.target() + " " + m.body
	switch {
	case m.method() == "HEAD":
		return head + "\r\n"
	case dice.IntN(2) == 0:
		return head + "Transfer-Encoding: chunked\r\n\r\n" + randomChunks(dice, body)
	}
	return head + "Content-Length: " + decimal(len(body)) + "\r\n\r\n" + body
}

// randomChunks cuts a body into chunks, with extensions and a trailer now and then.
func randomChunks(dice *rand.Rand, body string) string {
	var b strings.Builder
	for body != "" {
		n := min(len(body), 1+dice.IntN(1+dice.IntN(70_000)))
		fmt.Fprintf(&b, "%x%s\r\n%s\r\n", n, []string{"", "", ";x=y"}[dice.IntN(3)], body[:n])
		body = body[n:]
	}
	return b.String() + []string{"0\r\n\r\n", "0;x\r\nX: y\r\n\r\n"}[dice.IntN(2)]
}

// sendSplit sends all in pieces: some tiny, most of them not.
func sendSplit(dice *rand.Rand, send func(string), all string) {
	for all != "" {
		n := min(len(all), 1+dice.IntN([]int{3, 200, 5000, 50_000, 50_000}[dice.IntN(5)]))
		send(all[:n])
		all = all[n:]
	}
}

// TestLongReplies carries five megabytes in each framing to each kind of client.
func TestLongReplies(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789abcdef", 5<<20/16)
	for framing, answer := range map[string]string{
		"a length":      reply("200 OK", body),
		"chunks":        chunked + randomChunks(rand.New(rand.NewPCG(1, 1)), body),
		"one chunk":     inChunks("", body),
		"until the end": "HTTP/1.1 200 OK\r\n\r\n" + body,
	} {
		for _, request := range []string{plainGet, oldGet} {
			t.Run(framing+" to "+request[9:17], func(t *testing.T) {
				t.Parallel()
				g := startProxy(t, 1, nil)
				g.backend(0).serve(answeringOnce(answer))
				if got := g.dial(t).ask(request); got.body != body {
					t.Errorf("got %q and %d bytes, want %d", got.head, len(got.body), len(body))
				}
			})
		}
	}
}
