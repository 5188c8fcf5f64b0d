package proxy_test

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// TestNobodyGetsAnothersBytes has 200 clients, over TCP and TLS, upload, download, pipeline, poll and talk through tunnels, and
// leave in the middle of each, at backends that break in every way they can. All bytes of a request and of its reply are
// made of one nonce: no other may ever be among them, at either end.
func TestNobodyGetsAnothersBytes(t *testing.T) {
	t.Parallel()
	const clients, visits = 200, 8
	g := startProxy(t, 3, func(cfg *proxy.Config) { cfg.NoSeek = true })
	for _, b := range g.backends {
		h := &host{t: t, name: b.id}
		b.serve(h.serve)
	}
	var cfg proxy.Config
	overTLS(t)(&cfg)
	ln := tls.NewListener(listen(t), cfg.TLS)
	g.listen(t, ln)

	var whole atomic.Int64
	var work sync.WaitGroup
	for i := range clients {
		v := &visitor{t: t, to: &rig{addr: g.addr}, name: fmt.Sprint("v", i), dice: rand.New(rand.NewPCG(1, uint64(i)))}
		if v.secure = i%5 == 0; v.secure {
			v.to.addr = ln.Addr().String()
		}
		work.Go(func() {
			for range visits {
				v.visit()
			}
			whole.Add(int64(v.whole))
		})
	}
	work.Wait()
	if n := whole.Load(); n < clients*visits/4 {
		t.Errorf("%d whole replies, want more for the test to mean something", n)
	}
	t.Logf("%d whole replies", whole.Load())
}

// stuff is n bytes made of a nonce.
func stuff(nonce string, n int) string {
	return strings.Repeat(nonce+" ", n/len(nonce)+1)[:n]
}

// visitor is one client.
type visitor struct {
	t      *testing.T
	to     *rig
	name   string
	secure bool
	dice   *rand.Rand
	c      *client // nil: not connected
	last   int     // its latest nonce
	whole  int     // how many replies it got whole
}

// visit does one thing, and leaves in the middle of one of six.
func (v *visitor) visit() {
	if v.c == nil {
		v.c = v.to.dial(v.t)
		if v.secure {
			v.c.secured()
		}
	}
	stays := []func() bool{v.download, v.upload, v.pipeline, v.poll, v.talk, v.early}[v.dice.IntN(6)]()
	if !stays {
		v.leave()
	}
}

func (v *visitor) leave() {
	if v.dice.IntN(2) == 0 {
		v.c.reset()
	} else {
		v.c.Close()
	}
	v.c = nil
}

// leaves throws the dice for leaving now.
func (v *visitor) leaves() bool { return v.dice.IntN(6) == 0 }

func (v *visitor) nonce() string {
	v.last++
	return fmt.Sprint(v.name, ".", v.last)
}

// hear reads the final reply to the request with that nonce, and demands that no byte of it is another's. It returns
// whether the connection goes on.
func (v *visitor) hear(nonce string) (stays bool) {
	v.c.wait()
	m, err := readReply(v.c.r, "GET")
	for err == nil && m.status() < 200 {
		m, err = readReply(v.c.r, "GET")
	}
	own := m.value("X-Nonce") == nonce && m.body == stuff(nonce, len(m.body))
	if m.status() == 200 && !own || strings.Contains(m.raw(), "stranger") {
		v.t.Errorf("%s got %.300q", nonce, m.raw())
	}
	if err == nil && m.status() == 200 {
		v.whole++
	}
	return err == nil && !strings.EqualFold(m.value("Connection"), "close")
}

func (v *visitor) download() bool {
	nonce := v.nonce()
	v.c.send("GET /" + asked + "X-Nonce: " + nonce + "\r\n\r\n")
	return !v.leaves() && v.hear(nonce)
}

// upload sends a body in one of both framings, and sometimes not all of it.
func (v *visitor) upload() bool {
	nonce := v.nonce()
	n := v.dice.IntN(2000)
	if v.dice.IntN(8) == 0 {
		n = 40000
	}
	body := stuff(nonce, n)
	head := "POST /" + asked + "X-Nonce: " + nonce + "\r\n"
	all := head + "Content-Length: " + decimal(n) + "\r\n\r\n" + body
	if v.dice.IntN(2) == 0 {
		at := v.dice.IntN(n+1) / 2
		all = head + "Transfer-Encoding: chunked\r\n\r\n" + hex(n-at+1) + "\r\n" + stuff(nonce, n-at+1) + "\r\n0\r\n\r\n"
	}
	if v.leaves() {
		v.c.send(all[:v.dice.IntN(len(all))])
		return false
	}
	v.c.send(all)
	return v.hear(nonce)
}

func (v *visitor) pipeline() bool {
	var nonces []string
	var all string
	for range 3 {
		nonce := v.nonce()
		nonces = append(nonces, nonce)
		all += "POST /" + asked + "X-Nonce: " + nonce + "\r\nContent-Length: 50\r\n\r\n" + stuff(nonce, 50)
	}
	v.c.send(all)
	for _, nonce := range nonces {
		if v.leaves() || !v.hear(nonce) {
			return false
		}
	}
	return true
}

// poll opens a session and polls it twice.
func (v *visitor) poll() bool {
	v.c.send("GET " + handshakeTarget + asked + "X-Nonce: " + v.nonce() + "\r\n\r\n")
	v.c.wait()
	m, err := readReply(v.c.r, "GET")
	if err != nil || m.status() != 200 {
		return false
	}
	sid, _, found := strings.Cut(strings.TrimPrefix(m.body, `0{"sid":"`), `"`)
	if !found {
		v.t.Errorf("%s got %q for a handshake", v.name, m.raw())
	}
	for range 2 {
		nonce := v.nonce()
		v.c.send("GET " + pollTarget + sid + asked + "X-Nonce: " + nonce + "\r\n\r\n")
		if v.leaves() || !v.hear(nonce) {
			return false
		}
	}
	return true
}

// talk opens a tunnel, sends its nonce through it, and reads it back behind what the backend says first.
func (v *visitor) talk() bool {
	nonce := v.nonce()
	v.c.send("GET /talk" + asked + upgradeFields + "X-Nonce: " + nonce + "\r\n\r\n" + stuff(nonce, 100))
	v.c.wait()
	m, err := readReply(v.c.r, "GET")
	if err != nil || m.status() != 101 || v.leaves() {
		return false
	}
	n := v.dice.IntN(4000)
	v.c.send(stuff(nonce, 100+n)[100:])
	got, _ := readN(v.c.r, int64(200+n))
	if want := stuff(nonce, 100) + stuff(nonce, 100+n); !strings.HasPrefix(want, got) {
		v.t.Errorf("%s got %.300q from its tunnel", nonce, got)
	}
	return false
}

// early asks for an answer before its body has been sent.
func (v *visitor) early() bool {
	nonce := v.nonce()
	v.c.send("POST /" + asked + "X-Early: 1\r\nX-Nonce: " + nonce + "\r\nContent-Length: 40000\r\n\r\n" + stuff(nonce, 100))
	stays := v.hear(nonce)
	if stays {
		v.t.Errorf("%s may go on behind half a body", nonce)
	}
	return stays
}
