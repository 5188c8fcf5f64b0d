package engineio_test

import (
	"fmt"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// A carrier holds a reply back until the session that it opens is known, and no longer.
func ExampleParseHandshake() {
	var held []byte
	for _, arrived := range []string{"52:0{\"sid\":", `"lv_VI97HAXpY6yYWAAAC","pingInterval":25000}2:40`} {
		held = append(held, arrived...)
		h, v := engineio.ParseHandshake(held)
		fmt.Println(v, h.SID, h.PingInterval)
	}
	// Output:
	// need more  0s
	// found lv_VI97HAXpY6yYWAAAC 25s
}

// What a request says of itself, and how a poll of it is ended.
func ExampleParseQuery() {
	q, err := engineio.ParseQuery([]byte("/socket.io/?EIO=4&transport=polling&t=P1a2b3c&sid=lv%5FVI"))
	fmt.Println(q.SID, q.EIO, q.Transport, err)
	fmt.Println(engineio.ClosePacket(q))

	_, err = engineio.ParseQuery([]byte("/socket.io/?EIO=4&sid=a&s%69d=b"))
	fmt.Println(err)
	// Output:
	// lv_VI 4 polling <nil>
	// text/plain; charset=UTF-8 1
	// a query parameter that decodes to sid, EIO or transport must be spelled exactly so
}
