package proxy_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// loops is what the proxies under test get as Config.Loops.
var loops int

// secure has the proxies under test serve TLS, unless a test says something about that itself.
var secure bool

// inTheClear are the tests that cannot have TLS below everything: they count bytes or descriptors, write to the sockets
// themselves, listen elsewhere, or have the backend told that it was http.
const inTheClear = "Costs?Little|Descriptor|AtTheDoor|Listener|Panic|Nobody|ConnectionLimit|AcceptedLast|ProxyHeader|" +
	"CorpusRequests|Forwarding|TLS"

// bytesBefore are the ways to leave that nobody notices without epoll, which alone tells of a FIN behind bytes that have not
// been read.
var bytesBefore = map[string]bool{"by close_notify and FIN": true, "by FIN behind another request": true}

// TestMain runs every test twice: what holds for connections on two event loops, whose requests go to and fro between them,
// holds where goroutines carry them. It holds through TLS too, for which nearly all run once more. In the clear, the loops post
// whatever they send, and over TLS nothing.
func TestMain(m *testing.M) {
	proxy.SpreadLoops()
	flag.Parse()
	for _, way := range []struct {
		loops  int
		secure bool
	}{{2, false}, {-1, false}, {2, true}} {
		if loops, secure = way.loops, way.secure; secure {
			flag.Set("test.skip", inTheClear)
		}
		if code := m.Run(); code != 0 {
			fmt.Printf("with Config.Loops %d, over TLS: %v\n", loops, secure)
			os.Exit(code)
		}
		if err := goleak.Find(); err != nil {
			fmt.Println("goroutines left over:", err)
			os.Exit(1)
		}
	}
}
