// SPDX-License-Identifier: Apache-2.0

package peer

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
	"math/big"
	"os"
	"time"
)

// Identity is how a node shows who it is, and whom it believes: a certificate
// for its name, by an authority that signs for nodes and nothing else. Whoever
// has one may ask for what is cached.
type Identity struct {
	Certificate tls.Certificate
	Nodes       *x509.CertPool
}

// LoadIdentity reads PEM files: certificate, its key, and the authority's
// certificate.
func LoadIdentity(cert, key, authority string) (Identity, error) {
	c, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return Identity{}, fmt.Errorf("peer: %w", err)
	}
	b, err := os.ReadFile(authority)
	if err != nil {
		return Identity{}, fmt.Errorf("peer: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return Identity{}, fmt.Errorf("peer: %s: no certificate", authority)
	}
	return Identity{c, pool}, nil
}

func (id Identity) client(name string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: name, RootCAs: id.Nodes, NextProtos: []string{"h2"},
		Certificates: []tls.Certificate{id.Certificate},
	}
}

func (id Identity) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: id.Nodes, NextProtos: []string{"h2"},
		Certificates: []tls.Certificate{id.Certificate},
	}
}

// Authority signs for nodes.
type Authority struct {
	cert *x509.Certificate
	der  []byte
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one, good for ten years.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	t := template("Forelane nodes", 10*365*24*time.Hour)
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{cert, der, key}, err
}

// OpenAuthority reads what Encode wrote.
func OpenAuthority(text []byte) (*Authority, error) {
	a := &Authority{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var err error
		switch block.Type {
		case "CERTIFICATE":
			a.der = block.Bytes
			a.cert, err = x509.ParseCertificate(block.Bytes)
		case "EC PRIVATE KEY":
			a.key, err = x509.ParseECPrivateKey(block.Bytes)
		}
		if err != nil {
			return nil, fmt.Errorf("peer: %w", err)
		}
	}
	if a.cert == nil || a.key == nil {
		return nil, errors.New("peer: no authority: it has a certificate and an EC private key")
	}
	return a, nil
}

// Encode is the authority in PEM, its key included.
func (a *Authority) Encode() ([]byte, error) {
	key, err := x509.MarshalECPrivateKey(a.key)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.der})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key})...), nil
}

// Issue makes the identity of a node, good for a year.
func (a *Authority) Issue(name string) (Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("peer: %w", err)
	}
	t := template(name, 365*24*time.Hour)
	t.DNSNames, t.KeyUsage = []string{name}, x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return Identity{}, fmt.Errorf("peer: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return Identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool}, nil
}

func template(name string, life time.Duration) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // crypto/rand does not fail
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
	}
}
