package proxy_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const captures = "../testdata/captures/"

// issued finds the sid in a captured body by other means than the proxy does.
var issued = regexp.MustCompile(`\\*"sid\\*":\\*"([^"\\]+)\\*"`)

// TestLearnsCaptures replays the polling handshakes of real servers, in all their framings.
func TestLearnsCaptures(t *testing.T) {
	t.Parallel()
	k := newLearnRun(t, nil)
	learned := 0
	for _, kind := range []string{"hs", "emptysid"} {
		names, _ := filepath.Glob(captures + "*-" + kind + "-*.http")
		for _, name := range names {
			raw, request := load(t, name), load(t, strings.TrimSuffix(name, ".http")+".req")
			if !strings.Contains(raw[:min(len(raw), len("HTTP/1.1 200"))], " 200") {
				continue
			}
			learned++
			t.Run(strings.TrimSuffix(filepath.Base(name), ".http"), func(t *testing.T) { k.learnsCapture(t, request, raw) })
		}
	}
	if learned < 100 {
		t.Errorf("%d handshakes among the captures, want 100 at least", learned)
	}
}

func (k *learnRun) learnsCapture(t *testing.T, request, raw string) {
	_, body, _ := strings.Cut(raw, "\r\n\r\n")
	if strings.Contains(raw, "Content-Encoding: gzip") {
		body = gunzipped(t, raw)
	}
	sid := issued.FindStringSubmatch(body)
	if sid == nil {
		t.Fatalf("no sid in %q", raw)
	}
	k.gives(!strings.Contains(raw, "Content-Length:") && !strings.Contains(raw, "chunked"), raw)
	got, owner := k.open(t, request)
	if plain := strings.Contains(raw, "Content-Length:"); plain && got.body != body && !strings.Contains(raw, "gzip") {
		t.Errorf("the client got the body %q, want %q", got.body, body)
	}
	k.follows(t, sid[1], owner)
}

func load(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// gunzipped decodes the body of a captured reply.
func gunzipped(t *testing.T, raw string) string {
	t.Helper()
	m, err := readReply(newReader(raw), "GET")
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(strings.NewReader(m.body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}
