package proxy_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// loops is what the proxies under test get as Config.Loops.
var loops int

// bytesBefore are the ways to leave that nobody notices without epoll, which alone tells of a FIN behind bytes that have not
// been read.
var bytesBefore = map[string]bool{"by close_notify and FIN": true, "by FIN behind another request": true}

// TestMain runs every test twice: what holds for connections on two event loops, whose requests go to and fro between them,
// holds where goroutines carry them.
func TestMain(m *testing.M) {
	proxy.SpreadLoops()
	for _, loops = range []int{2, -1} {
		if code := m.Run(); code != 0 {
			fmt.Printf("with Config.Loops %d\n", loops)
			os.Exit(code)
		}
		if err := goleak.Find(); err != nil {
			fmt.Println("goroutines left over:", err)
			os.Exit(1)
		}
	}
}
