package healthcheck

import (
	"testing"

	"go.uber.org/goleak"
)

// The two that are ignored belong to the fasthttp.Server of the tests' stubs:
// one sleeps for up to 10 s after Shutdown, the other for ever.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}
