package main_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// TestBackendsAreCheckedAsTheFlagsSay has a backend that speaks TLS with a
// certificate of its own making, and that is well only for those who ask for the
// right host and understand its 204: it is up if every flag is right, and gets
// nothing if one is missing.
func TestBackendsAreCheckedAsTheFlagsSay(t *testing.T) {
	t.Parallel()
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/well":
			w.WriteHeader(http.StatusOK)
		case r.Host == "web.internal":
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusMisdirectedRequest)
		}
	}))
	backend.Config.ErrorLog = log.New(io.Discard, "", 0)
	backend.StartTLS()
	t.Cleanup(backend.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: backend.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	base := []string{"--backend", "web=" + backend.URL, "--health-check", "http", "--health-path", "/well", "--health-interval", "300ms"}
	host, status := []string{"--health-host", "web.internal"}, []string{"--health-status", "204"}
	trust := []string{"--backend-ca", ca, "--backend-tls-name", "example.com"} // the name on httptest's certificate
	for name, c := range map[string]struct {
		args [][]string
		want int
	}{
		"all as it should be":      {[][]string{trust, host, status}, http.StatusOK},
		"its maker is not trusted": {[][]string{host, status}, http.StatusServiceUnavailable},
		"another name is expected": {[][]string{trust, host, status, {"--backend-tls-name", "web.internal"}}, http.StatusServiceUnavailable},
		"its own host is asked":    {[][]string{trust, status}, http.StatusServiceUnavailable},
		"another status is wanted": {[][]string{trust, host, {"--health-status", "200"}}, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			args := base
			for _, more := range c.args {
				args = append(args[:len(args):len(args)], more...)
			}
			p := startCountingProxy(t, proxyConfig{Args: args})
			found := `"status":"up"`
			if c.want != http.StatusOK {
				found = `"status":"down"`
			}
			p.awaitAnswer(t, "/backends", found)
			res, err := http.Get(p.url() + "/page")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != c.want {
				t.Errorf("a client got %d, want %d", res.StatusCode, c.want)
			}
		})
	}
}
