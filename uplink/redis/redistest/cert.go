package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is a private certificate authority whose files lie in a test's directory.
type CA struct {
	// File holds the CA's own certificate.
	File string

	tb     testing.TB
	dir    string
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	serial int64
}

// NewCA makes a certificate authority.
func NewCA(tb testing.TB, name string) *CA {
	tb.Helper()
	ca := &CA{tb: tb, dir: tb.TempDir(), serial: 1}
	t := template(name, ca.serial)
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	ca.key = newKey(tb)
	der, err := x509.CreateCertificate(rand.Reader, t, t, &ca.key.PublicKey, ca.key)
	if err != nil {
		tb.Fatal(err)
	}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		tb.Fatal(err)
	}
	ca.File = ca.write(name+".crt", "CERTIFICATE", der)
	return ca
}

// Issue makes a certificate for name, for 127.0.0.1 and for use by servers and
// clients. It returns the files of the certificate and of its key.
func (ca *CA) Issue(name string) (certFile, keyFile string) {
	ca.tb.Helper()
	return ca.issue(name, 24*time.Hour)
}

// IssueExpired is Issue with a certificate that expired a minute ago.
func (ca *CA) IssueExpired(name string) (certFile, keyFile string) {
	ca.tb.Helper()
	return ca.issue(name, -time.Minute)
}

func (ca *CA) issue(name string, left time.Duration) (certFile, keyFile string) {
	ca.tb.Helper()
	ca.serial++
	t := template(name, ca.serial)
	t.NotAfter = time.Now().Add(left)
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	key := newKey(ca.tb)
	der, err := x509.CreateCertificate(rand.Reader, t, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		ca.tb.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		ca.tb.Fatal(err)
	}
	return ca.write(name+".crt", "CERTIFICATE", der), ca.write(name+".key", "EC PRIVATE KEY", keyDER)
}

func template(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func (ca *CA) write(name, kind string, der []byte) string {
	ca.tb.Helper()
	path := filepath.Join(ca.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		ca.tb.Fatal(err)
	}
	return path
}
