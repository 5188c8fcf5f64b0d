package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/proxy"
	"github.com/holdfast-proxy/holdfast/proxy/tlstest"
	"github.com/holdfast-proxy/holdfast/routing"
)

// TestBackendOverTLS has a backend with a certificate of its own making, for the name a: it is reached where both the
// maker and the name are expected, and gets no request where not.
func TestBackendOverTLS(t *testing.T) {
	t.Parallel()
	own := tlstest.Certificate()
	roots := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(own.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(leaf)
	for name, row := range map[string]struct {
		expect *tls.Config
		want   int
	}{
		"its maker and its name are expected": {&tls.Config{RootCAs: roots, ServerName: "a"}, 200},
		"another name is expected":            {&tls.Config{RootCAs: roots}, 502},
		"another maker is expected":           {&tls.Config{RootCAs: x509.NewCertPool(), ServerName: "a"}, 502},
		"nothing is said":                     {nil, 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 0, func(cfg *proxy.Config) { cfg.BackendTLS = row.expect })
			b := startBackendOn(t, "s", tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{own}}))
			url := strings.Replace(b.url(), "http", "https", 1)
			if err := g.pool.Set([]routing.BackendConfig{{ID: b.id, URL: url}}); err != nil {
				t.Fatal(err)
			}
			for c, i := g.dial(t), 0; i < 3; i++ { // the first on a new connection, the others on an idle one
				if got := c.ask(plainGet); got.status() != row.want {
					t.Errorf("got %q, want %d", got.raw(), row.want)
				}
			}
			if n := len(b.seen()); row.want != 200 && n > 0 {
				t.Errorf("the backend got %d requests", n)
			}
		})
	}
}
