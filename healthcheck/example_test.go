package healthcheck_test

import (
	"context"
	"fmt"
	"net"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

func Example() {
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer backend.Close()

	ctx, stop := context.WithCancel(context.Background())
	checker, err := healthcheck.New(healthcheck.Config{
		Probe: healthcheck.TCP(),
		OnChange: func(c healthcheck.Change) {
			fmt.Println(c.Target.ID, "was", c.From, "and is", c.To)
			stop()
		},
	})
	if err != nil {
		panic(err)
	}
	checker.Set([]healthcheck.Target{{ID: "web-1", URL: "http://" + backend.Addr().String()}})
	checker.Run(ctx)
	// Output: web-1 was unknown and is up
}
