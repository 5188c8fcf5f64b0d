package routing_test

import (
	"fmt"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// A gateway opens a session, which from then on reaches its backend whatever happens to the others.
func Example() {
	pool := routing.NewPool(routing.PoolConfig{})
	sessions := routing.NewSessions(routing.SessionsConfig{})
	router, err := routing.NewRouter(routing.Config{Pool: pool, Sessions: sessions})
	if err != nil {
		fmt.Println(err)
		return
	}
	pool.Set([]routing.BackendConfig{{ID: "web-1", URL: "http://10.0.0.1:3000"}})

	// A handshake: GET /socket.io/?EIO=4&transport=polling. The backend's reply names the session.
	d, _ := router.Route(routing.Request{EIO: 4, Opens: true})
	d.Hold.Learn("lv_VI97HAXpY6yYWAAAC", 45*time.Second)
	d.Hold.Release()

	// Its backend is to go, and another takes the new sessions.
	pool.Set([]routing.BackendConfig{{ID: "web-2", URL: "http://10.0.0.2:3000"}})

	d, _ = router.Route(routing.Request{EIO: 4, SID: "lv_VI97HAXpY6yYWAAAC"})
	fmt.Println("poll goes to", d.Backend.ID(), "by", d.Pin)
	d.Hold.Release()

	d, _ = router.Route(routing.Request{EIO: 4, Opens: true})
	fmt.Println("handshake goes to", d.Backend.ID(), "by", d.Pin)
	d.Hold.Release()

	_, err = router.Route(routing.Request{EIO: 4, SID: "nobody-knows-me"})
	fmt.Println(err)
	// Output:
	// poll goes to web-1 by learned
	// handshake goes to web-2 by new
	// routing: session ID unknown
}
