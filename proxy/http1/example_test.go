package http1_test

import (
	"fmt"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

// A head comes in two pieces and goes on without what concerns the connection.
func ExampleRequest_Parse() {
	pieces := []string{"GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: a", ".example\r\nConnection: close\r\nCookie: b=c\r\n\r\n"}

	var buf []byte
	var r http1.Request
	for _, piece := range pieces {
		seen := len(buf)
		buf = append(buf, piece...)
		n, err := r.Parse(buf, seen, http1.Limits{})
		fmt.Println(n, err)
	}

	out := http1.AppendRequestLine(nil, r.Method, r.Target)
	for _, f := range r.Fields {
		if !f.Hop {
			out = http1.AppendField(out, f.Name, f.Value)
		}
	}
	fmt.Printf("%q", out)
	// Output:
	// 0 <nil>
	// 83 <nil>
	// "GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: a.example\r\nCookie: b=c\r\n"
}

// What is not admitted is answered from the error.
func ExampleError() {
	var r http1.Request
	_, err := r.Parse([]byte("GET / HTTP/3.0\r\n"), 0, http1.Limits{})
	fmt.Println(err.Status, err.Line, err.Close)
	fmt.Printf("%q\n", http1.AppendStatusLine(nil, err.Status, http1.ReasonPhrase(err.Status)))
	// Output:
	// 505 HTTP version not supported true
	// "HTTP/1.1 505 HTTP Version Not Supported\r\n"
}
