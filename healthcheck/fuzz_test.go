package healthcheck

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzReadReply: whatever a backend sends, a reply has a status that HTTP knows
// and a body within its bound, and the body is there only if it was asked for.
func FuzzReadReply(f *testing.F) {
	files, err := filepath.Glob("../testdata/captures/*-unksid-eio4-*.http")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, seed := range []string{
		"",
		"HTTP/1.1 200 OK\r\n\r\nuntil the end",
		"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
		"HTTP/1.1 000 \r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readReply(bytes.NewReader(data), withBody)
		if err != nil {
			return
		}
		if got.status < 200 || got.status > 599 {
			t.Errorf("status %d", got.status)
		}
		if len(got.body) > maxBody {
			t.Errorf("body of %d bytes", len(got.body))
		}
		head, err := readReply(bytes.NewReader(data), headOnly)
		if err != nil || head.status != got.status || head.body != nil {
			t.Errorf("with a body %d, without %d, %q, %v", got.status, head.status, head.body, err)
		}
	})
}

// FuzzServesNoPolls: what is taken for a refusal is JSON, whoever sent it.
func FuzzServesNoPolls(f *testing.F) {
	f.Add(400, []byte(`{"code":0,"message":"Transport unknown"}`))
	f.Add(400, []byte(`{"code":"0"}`))
	f.Add(400, []byte(`"Invalid transport"`))
	f.Add(400, []byte(`{"code":{"code":0}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if servesNoPolls(status, body) && (status != 400 || !json.Valid(body)) {
			t.Errorf("%d %q", status, body)
		}
	})
}

// FuzzParseAddress: an address that is accepted can be dialled, at least by its
// form.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"http://web-1:3000", "https://[::1]", "unix:/a", "unix://", "http://user@h:1/p?q"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := parseAddress(raw)
		if err != nil {
			return
		}
		if _, _, err := net.SplitHostPort(a.addr); a.network == "tcp" && err != nil {
			t.Errorf("%q: %v", raw, err)
		}
		if a.network == "unix" && !filepath.IsAbs(a.addr) {
			t.Errorf("%q: socket %q", raw, a.addr)
		}
		if strings.ContainsAny(a.host, "\r\n @/") {
			t.Errorf("%q: Host field %q", raw, a.host)
		}
	})
}
