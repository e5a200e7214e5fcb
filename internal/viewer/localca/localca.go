// SPDX-License-Identifier: Apache-2.0

// Package localca is the certificate authority of one machine: it lets a
// browser speak HTTPS to a stack that has no certificate of its own.
//
// The flow: (1) Open reads the authority from its folder, or makes it on first
// use; (2) Certificates signs for a name when the first handshake asks for it,
// and only for names that may be served;
// (3) Install puts the authority into the machine's trust store.
//
// What it does not do: it never leaves the machine, signs no name outside
// Allow, and is no replacement for a public certificate.
//
// Concurrency: an Authority may be used by many at once.
package localca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	certFile  = "forelane-ca.pem"
	keyFile   = "forelane-ca-key.pem"
	authority = 10 * 365 * 24 * time.Hour
	leaf      = 365 * 24 * time.Hour // browsers refuse more than 398 days
	maxLeaves = 1024                 // names kept in memory
)

// Authority signs for local names.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// Open reads the authority in dir, or makes one there (key readable by its
// owner only).
func Open(dir string) (*Authority, error) {
	a := &Authority{dir: dir, leaves: map[string]*tls.Certificate{}}
	err := a.read()
	if errors.Is(err, fs.ErrNotExist) {
		err = a.create()
	}
	if err != nil {
		return nil, fmt.Errorf("local certificate authority in %s: %w", dir, err)
	}
	return a, nil
}

// CertFile is the path of the authority's certificate in PEM.
func (a *Authority) CertFile() string { return filepath.Join(a.dir, certFile) }

// Pool trusts this authority and nothing else.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a *Authority) read() error {
	certPEM, err := os.ReadFile(a.CertFile())
	if err != nil {
		return err
	}
	keyPEM, err := os.ReadFile(filepath.Join(a.dir, keyFile))
	if err != nil {
		return err
	}
	cb, _ := pem.Decode(certPEM)
	kb, _ := pem.Decode(keyPEM)
	if cb == nil || kb == nil {
		return errors.New("the files hold no PEM; delete both and start again")
	}
	if a.cert, err = x509.ParseCertificate(cb.Bytes); err != nil {
		return err
	}
	if a.key, err = x509.ParseECPrivateKey(kb.Bytes); err != nil {
		return err
	}
	if time.Now().After(a.cert.NotAfter) {
		return errors.New("the authority has expired; delete its files and start again")
	}
	return nil
}

func (a *Authority) create() error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	tmpl := template("Forelane local CA "+host, authority)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.MaxPathLenZero = true, true, true
	tmpl.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(a.dir, keyFile), "EC PRIVATE KEY", keyDER, 0o600); err != nil {
		return err
	}
	if err := writePEM(a.CertFile(), "CERTIFICATE", der, 0o644); err != nil {
		return err
	}
	return a.read()
}

func template(name string, life time.Duration) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // crypto/rand does not fail
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Forelane"}},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(life),
	}
}

// writePEM writes by rename, so that a crash leaves no half file.
func writePEM(path, kind string, der []byte, mode fs.FileMode) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// Certificates chooses for one handshake. Allow tells which names may be
// signed for; a handshake without SNI gets a certificate for localhost and the
// loopback addresses.
func (a *Authority) Certificates(allow func(name string) bool) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hi *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := strings.ToLower(strings.TrimSuffix(hi.ServerName, "."))
		if name == "" || net.ParseIP(name) != nil {
			name = "localhost"
		}
		if name != "localhost" && !allow(name) {
			return nil, fmt.Errorf("no distribution or API answers to %q", name)
		}
		return a.leaf(name)
	}
}

func (a *Authority) leaf(name string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.leaves[name]; c != nil && time.Now().Before(c.Leaf.NotAfter.Add(-time.Hour)) {
		return c, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := template(name, leaf)
	tmpl.DNSNames = []string{name}
	if name == "localhost" {
		tmpl.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	tmpl.KeyUsage = x509.KeyUsageDigitalSignature
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}
	a.leaves[name] = c
	return c, nil
}
