package event

import (
	"os"
	"strings"
	_ "unsafe" // for go:linkname
)

// goyield is runtime.Gosched without waking another thread to look for work: it lets goroutines that wait for this
// processor go first, and begins a new time slice. The runtime keeps it for use from outside (go.dev/issue/67401).
//
//go:linkname goyield runtime.goyield
func goyield()

// interruptible says that the runtime asks for a processor by a signal, as it does unless it was told not to.
func interruptible() bool { return !strings.Contains(os.Getenv("GODEBUG"), "asyncpreemptoff=1") }
