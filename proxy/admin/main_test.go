package admin_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the package when a test has left a goroutine behind, but for the one that keeps the time of fasthttp's
// Date fields: there is one in a process, and it never ends.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}
