package engineio_test

import (
	"testing"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

func BenchmarkParseQuery(b *testing.B) {
	targets := map[string]string{
		"handshake":   "/socket.io/?EIO=4&transport=polling&t=P1a2b3c",
		"poll":        "/socket.io/?EIO=4&transport=polling&t=P1a2b3c&sid=AAAAAAAAAAAAAAAAAAAA",
		"escaped sid": "/socket.io/?EIO=4&transport=polling&t=P1a2b3c&sid=AAAAAAAAAA%2BAAAAAAAAA",
		"plain HTTP":  "/assets/index-4f2a.js?v=17",
	}
	for name, target := range targets {
		t := []byte(target)
		b.Run("new/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := engineio.ParseQuery(t); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("used/"+name, func(b *testing.B) {
			b.ReportAllocs()
			var q engineio.Query
			for b.Loop() {
				if err := q.Parse(t); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParam(b *testing.B) {
	b.ReportAllocs()
	target := []byte("/socket.io/?EIO=4&transport=polling&t=P1a2b3c&aff=room-17")
	for b.Loop() {
		if _, ok := engineio.Param(target, "aff"); !ok {
			b.Fatal("not found")
		}
	}
}

func BenchmarkParseHandshake(b *testing.B) {
	for name, capture := range map[string]string{
		"eio4":        "sio4-4.8.4-hs-eio4-polling",
		"eio3 text":   "sio2-2.5.1-hs-eio3-polling",
		"eio3 binary": "pyaiohttp-3.14.2-hs-eio3-polling",
		"jsonp":       "sio4-4.8.4-hs-eio3-jsonp",
	} {
		body := capturedBody(b, capture)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, v := engineio.ParseHandshake(body); v != engineio.Found {
					b.Fatal(v)
				}
			}
		})
	}
}

func BenchmarkRewriteSID(b *testing.B) {
	b.ReportAllocs()
	body := capturedBody(b, "sio4-4.8.4-hs-eio4-polling")
	buf := make([]byte, 0, 2*len(body))
	for b.Loop() {
		if _, ok := engineio.RewriteSID(buf, body, "AAAAAAAAAAAAAAAAAAAA~Zm9vYmFy"); !ok {
			b.Fatal("left alone")
		}
	}
}

func BenchmarkIsUnknownSID(b *testing.B) {
	b.ReportAllocs()
	body := []byte(`{"code":1,"message":"Session ID unknown"}`)
	for b.Loop() {
		if !engineio.IsUnknownSID(400, body, "AAAAAAAAAAAAAAAAAAAA", false) {
			b.Fatal("not recognised")
		}
	}
}
