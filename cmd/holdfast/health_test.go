package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/healthcheck"
)

func TestHealthFlagsReachTheChecker(t *testing.T) {
	o, err := parse(t, someBackend, "--slow-start", "30s", "--panic-threshold", "40",
		"--health-check", "http", "--health-host", "web.internal:81", "--health-path", "/well", "--health-status", "204,401")
	if err != nil {
		t.Fatal(err)
	}
	if o.health.SlowStart != 30*time.Second || o.health.PanicThreshold != 40 {
		t.Errorf("slow start %v, panic threshold %d; want 30s and 40", o.health.SlowStart, o.health.PanicThreshold)
	}
	if want := (healthcheck.Request{Path: "/well", Host: "web.internal:81"}); o.ask != want || !reflect.DeepEqual(o.statuses, []int{204, 401}) {
		t.Errorf("checks ask %+v for one of %v, want %+v and 204, 401", o.ask, o.statuses, want)
	}
}

func TestHandshakeFlagsReachTheProxy(t *testing.T) {
	for args, want := range map[string][4]int{ // rate, in all, burst, queue
		"": {0, 0, 0, 10_000},
		"--handshake-rate 50 --handshake-rate-total 90 --handshake-burst 7 --handshake-queue 3": {50, 90, 7, 3},
	} {
		o, err := parse(t, append(strings.Fields(args), someBackend)...)
		p := o.proxy
		if got := [4]int{p.HandshakeRate, p.HandshakeRateTotal, p.HandshakeBurst, p.HandshakeQueue}; err != nil || got != want {
			t.Errorf("%q is %v (%v), want %v", args, got, err, want)
		}
	}
	for text, want := range map[string]time.Duration{"0s": -1, "3s": 3 * time.Second} {
		if o, err := parse(t, someBackend, "--handshake-wait", text); err != nil || o.proxy.HandshakeWait != want {
			t.Errorf("--handshake-wait %s is %v (%v), want %v", text, o.proxy.HandshakeWait, err, want)
		}
	}
}

func TestBackendCertificatesAreCheckedAlikeByChecksAndRequests(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	for name, c := range map[string]struct {
		content string // "": there is no file
		want    string // in the error; "": none
	}{
		"no such file":          {"", "no such file"},
		"no certificate in it":  {"text", "want certificates in PEM"},
		"a certificate is used": {selfSigned(t), ""},
	} {
		os.Remove(file)
		if c.content != "" {
			if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o, err := parse(t, someBackend, "--backend-ca", file, "--backend-tls-name", "web.internal")
		if err != nil {
			t.Fatal(err)
		}
		h, err := build(o, slog.New(slog.DiscardHandler))
		switch {
		case c.want != "":
			if err == nil || !strings.Contains(err.Error(), "--backend-ca") || !strings.Contains(err.Error(), c.want) || exitCode(err) != 2 {
				t.Errorf("%s: %v, want --backend-ca and %q", name, err, c.want)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		default:
			both := h.options.proxy.BackendTLS
			if both != h.options.ask.TLS || both.RootCAs == nil || both.ServerName != "web.internal" {
				t.Errorf("%s: requests expect %+v, checks %+v", name, both, h.options.ask.TLS)
			}
		}
	}
}

// selfSigned returns a certificate in PEM that nobody else has signed.
func selfSigned(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
