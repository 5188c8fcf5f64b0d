//go:build linux

package load

import (
	"errors"
	"sync"

	"github.com/holdfast-proxy/holdfast/testdata/bench/client"
)

// Cycles has every session connect, become a WebSocket, see one message of 64 bytes come back, and close, n times each
// and all sessions at a time.
func Cycles(t client.Target, sessions []*client.Session, n int) error {
	errs := make([]error, len(sessions))
	var all sync.WaitGroup
	for i, s := range sessions {
		all.Go(func() {
			f := client.NewFrame(uint64(i), 64)
			for range n {
				if errs[i] = cycle(t, s, f); errs[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func cycle(t client.Target, s *client.Session, f *client.Frame) error {
	c, err := client.Dial(t)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Upgrade(s); err != nil {
		return err
	}
	return c.Echo(f)
}
