//go:build linux

package contestant

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// Certificate is one that this program has made for itself, with what a client needs to believe it.
type Certificate struct {
	Cert, Key, Both string // PEM files; HAProxy wants both in one
	client          *tls.Config
}

// certName is the host that clients ask for.
const certName = "bench.example"

// NewCertificate makes a certificate for P-256 and writes it into dir.
func NewCertificate(dir string) (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: certName},
		DNSNames:              []string{certName},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	c := &Certificate{
		Cert:   filepath.Join(dir, "cert.pem"),
		Key:    filepath.Join(dir, "key.pem"),
		Both:   filepath.Join(dir, "both.pem"),
		client: clientConfig(certPEM),
	}
	for name, text := range map[string][]byte{c.Cert: certPEM, c.Key: keyPEM, c.Both: append(certPEM, keyPEM...)} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// clientConfig leaves the server one choice of cipher and curve, so that all contestants do the same arithmetic, and no
// session to resume: every connection costs a whole handshake.
func clientConfig(root []byte) *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	return &tls.Config{
		RootCAs:          pool,
		ServerName:       certName,
		MinVersion:       tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519},
	}
}
