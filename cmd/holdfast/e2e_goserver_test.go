package main_test

import (
	"os"
	"sync"
	"testing"
)

// goServer returns the demo's Socket.IO server in Go, which speaks the test
// protocol too, built once.
func goServer(t *testing.T) string {
	t.Helper()
	_, err := os.Stat("../../examples/demo/server")
	require(t, err == nil, "the demo's Go server is not there")
	dependOn(t, "../../examples/demo/server/*.go")
	path, err := buildGoServer()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildGoServer = sync.OnceValues(func() (string, error) {
	return goBuild("../../examples/demo", "./server")
})
