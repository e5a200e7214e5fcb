// SPDX-License-Identifier: Apache-2.0

// Package identity says who an agent is and which origins it may serve.
//
// The flow: (1) Open reads the authority and the roll of a node from its
// folder, or makes them; (2) Issue writes a token into the roll: which names,
// until when, how often; (3) an agent shows the token with a request for a
// certificate, and Join signs it; (4) from then on the agent shows the
// certificate, and Names says what the roll lets it serve now; (5) Renew signs
// again before the certificate expires; (6) Revoke takes it back at once.
//
// The roll decides, not the certificate: that carries the agent's id and no
// names. Of a token the roll has a digest only.
//
// What it does not do: it knows no network. An authority's key never leaves its
// node.
//
// Concurrency: an Authority may be used by many at once, and its folder by two
// processes (a node and its successor): the roll is read anew and locked for
// each change.
package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// ServerName is the name of the edge's end. It is no name of DNS: agents dial
// an address, and trust the authority.
const ServerName = "edge.tunnel.forelane.internal"

// Lives of certificates.
const (
	authorityLife = 20 * 365 * 24 * time.Hour
	edgeLife      = 90 * 24 * time.Hour
	AgentLife     = 30 * 24 * time.Hour
)

// Authority is what one node issues identities by.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  func() time.Time

	mu   sync.Mutex
	roll roll
	leaf *tls.Certificate // of the edge
}

// Open reads the authority in dir, or makes one there. now is nil but in tests.
func Open(dir string, now func() time.Time) (*Authority, error) {
	if now == nil {
		now = time.Now
	}
	a := &Authority{dir: dir, now: now}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	a.cert, a.key, err = readPair(dir, "authority")
	if errors.Is(err, fs.ErrNotExist) {
		err = a.create()
	}
	if err == nil {
		err = a.readRoll()
	}
	if err != nil {
		return nil, fmt.Errorf("tunnel authority in %s: %w", dir, err)
	}
	return a, nil
}

func (a *Authority) create() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t, err := a.certificate("Forelane tunnel authority", authorityLife)
	if err != nil {
		return err
	}
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	a.key = key
	return writePair(a.dir, "authority", key, der)
}

// certificate is a form that lives for life, from an hour ago: clocks differ.
func (a *Authority) certificate(name string, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	now := a.now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(life),
	}, nil
}

// Fingerprint is the digest by which a token names the authority.
func (a *Authority) Fingerprint() [sha256.Size]byte { return sha256.Sum256(a.cert.Raw) }

// Pool trusts this authority and nothing else.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// Edge is the edge's own certificate, with the authority's behind it. It is
// made when it is asked for, and anew when a third of its life is left.
func (a *Authority) Edge() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.leaf != nil && a.now().Before(a.leaf.Leaf.NotAfter.Add(-edgeLife/3)) {
		return a.leaf, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t, err := a.certificate(ServerName, edgeLife)
	if err != nil {
		return nil, err
	}
	t.DNSNames, t.KeyUsage, t.ExtKeyUsage = []string{ServerName}, x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a.leaf = &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
	return a.leaf, nil
}

// errRequest is a request for a certificate that cannot be signed.
var errRequest = errors.New("the request for a certificate cannot be read")

// sign makes the certificate of an agent.
func (a *Authority) sign(id string, request []byte) ([]byte, error) {
	csr, err := x509.ParseCertificateRequest(request)
	if err != nil || csr.CheckSignature() != nil {
		return nil, errRequest
	}
	if key, ok := csr.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: its key is none of P-256", errRequest)
	}
	t, err := a.certificate(id, AgentLife)
	if err != nil {
		return nil, err
	}
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return x509.CreateCertificate(rand.Reader, t, a.cert, csr.PublicKey, a.key)
}

// Certificate is that of the authority, as agents keep it.
func (a *Authority) Certificate() []byte { return a.cert.Raw }

// readPair reads NAME.pem: a certificate and its key.
func readPair(dir, name string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(filepath.Join(dir, name+".pem"))
	if err != nil {
		return nil, nil, err
	}
	c, rest := pem.Decode(text)
	k, _ := pem.Decode(rest)
	if c == nil || k == nil {
		return nil, nil, fmt.Errorf("%s.pem holds no certificate with its key", name)
	}
	cert, err := x509.ParseCertificate(c.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParseECPrivateKey(k.Bytes)
	return cert, key, err
}

// writePair writes NAME.pem in one step.
func writePair(dir, name string, key *ecdsa.PrivateKey, cert []byte) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, name+".pem"), append(toPEM(cert), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})...))
}

func toPEM(cert []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
}

// replace writes a file that is there as a whole or as it was before, readable
// by its owner only.
func replace(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func newID(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}
