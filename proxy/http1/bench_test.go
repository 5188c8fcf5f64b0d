package http1_test

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

// browserHead is what a browser sends with a poll: twelve fields, 575 bytes.
const browserHead = "GET /socket.io/?EIO=4&transport=polling&t=PabcDEF&sid=b7qWyw86q_0OSEvPAAAA HTTP/1.1\r\n" +
	"Host: app.example.com\r\n" +
	"Connection: keep-alive\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
	"Accept: */*\r\n" +
	"Origin: https://app.example.com\r\n" +
	"Sec-Fetch-Site: same-origin\r\n" +
	"Sec-Fetch-Mode: cors\r\n" +
	"Sec-Fetch-Dest: empty\r\n" +
	"Referer: https://app.example.com/room/42\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n" +
	"Cookie: holdfast=Zx81qLmA; theme=dark; session=eyJhbGciOiJIUzI1NiJ9.eyJ1IjoxfQ\r\n" +
	"\r\n"

const serverHead = "HTTP/1.1 200 OK\r\n" +
	"Content-Type: text/plain; charset=UTF-8\r\n" +
	"Content-Length: 118\r\n" +
	"cache-control: no-store\r\n" +
	"Access-Control-Allow-Origin: https://app.example.com\r\n" +
	"Date: Sun, 23 Nov 2025 05:00:00 GMT\r\n" +
	"Connection: keep-alive\r\n" +
	"Keep-Alive: timeout=5\r\n" +
	"\r\n"

// BenchmarkRequestHead reads a browser's head and writes what goes upstream.
func BenchmarkRequestHead(b *testing.B) {
	b.Run("http1", func(b *testing.B) {
		head := []byte(browserHead)
		var r http1.Request
		var out []byte
		b.SetBytes(int64(len(head)))
		b.ReportAllocs()
		for b.Loop() {
			if n, err := r.Parse(head, 0, http1.Limits{}); n == 0 || err != nil {
				b.Fatal(n, err)
			}
			out = forward(out[:0], &r)
		}
	})
	b.Run("fasthttp", func(b *testing.B) {
		head := []byte(browserHead)
		src := bytes.NewReader(head)
		in := bufio.NewReaderSize(src, 16<<10)
		var h fasthttp.RequestHeader
		h.DisableNormalizing()
		var out []byte
		b.SetBytes(int64(len(head)))
		b.ReportAllocs()
		for b.Loop() {
			src.Reset(head)
			in.Reset(src)
			if err := h.Read(in); err != nil {
				b.Fatal(err)
			}
			out = h.AppendBytes(out[:0])
		}
	})
}

// forward writes the head as a carrier does.
func forward(dst []byte, r *http1.Request) []byte {
	dst = http1.AppendRequestLine(dst, r.Method, r.Target)
	dst = forwardFields(dst, r.Fields)
	return append(dst, http1.CRLF...)
}

// BenchmarkReplyHead reads the head of a poll's reply and writes what goes to the client.
func BenchmarkReplyHead(b *testing.B) {
	head := []byte(serverHead)
	var r http1.Response
	var out []byte
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := r.Parse(head, 0, false, http1.Limits{}); n == 0 || err != nil {
			b.Fatal(n, err)
		}
		out = http1.AppendStatusLine(out[:0], r.Status, r.Reason)
		out = forwardFields(out, r.Fields)
		out = append(out, http1.CRLF...)
	}
}

// BenchmarkChunks decodes a body of chunks and writes it again.
func BenchmarkChunks(b *testing.B) {
	head := []byte(chunkedBody)
	for _, size := range []int{16, 1 << 10, 32 << 10} {
		b.Run(fmt.Sprint(size, "B"), func(b *testing.B) {
			var body, out []byte
			for range 10 {
				body = append(http1.AppendChunkHeader(body, size), bytes.Repeat([]byte("x"), size)...)
				body = append(body, http1.CRLF...)
			}
			body = append(body, http1.LastChunk...)
			var r http1.Request
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Parse(head, 0, http1.Limits{}); err != nil {
					b.Fatal(err)
				}
				out = out[:0]
				for rest := body; !r.Body.Done(); {
					data, n, err := r.Body.Next(rest)
					if err != nil {
						b.Fatal(err)
					}
					out = append(http1.AppendChunkHeader(out, len(data)), data...)
					rest = rest[n:]
				}
			}
		})
	}
}

// BenchmarkDrippingHead reads a head that comes byte by byte: the time must grow with its length, not with the square.
func BenchmarkDrippingHead(b *testing.B) {
	for _, size := range []int{1 << 10, 4 << 10, 15 << 10} {
		benchmarkDrip(b, "one field", "A: "+strings.Repeat("x", size)+"\r\n")
		benchmarkDrip(b, "ninety fields", strings.Repeat("A: "+strings.Repeat("x", size/90-len("A: \r\n"))+"\r\n", 90))
	}
}

func benchmarkDrip(b *testing.B, name, fields string) {
	head := []byte("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n")
	b.Run(fmt.Sprint(name, "/", len(head), "B"), func(b *testing.B) {
		var r http1.Request
		b.SetBytes(int64(len(head)))
		b.ReportAllocs()
		for b.Loop() {
			for i := range head {
				r.Parse(head[:i+1], i, http1.Limits{})
			}
		}
	})
}
