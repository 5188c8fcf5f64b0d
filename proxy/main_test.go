package proxy_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the package when a test has left a goroutine behind: whatever a proxy started has ended once its
// Shutdown has returned.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
