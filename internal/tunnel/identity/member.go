// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Member is an agent's side: its key, its certificate and the authority that it
// trusts, in a folder of its own.
type Member struct {
	dir string

	mu    sync.Mutex
	cert  *tls.Certificate // nil: it has not joined
	roots *x509.CertPool
}

// OpenMember reads what is in dir; nothing there is no error.
func OpenMember(dir string) (*Member, error) {
	m := &Member{dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	cert, key, err := readPair(dir, "agent")
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	var authority []byte
	if err == nil {
		authority, err = readPEM(filepath.Join(dir, "authority.pem"))
	}
	if err == nil {
		err = m.take(key, cert.Raw, authority)
	}
	if err != nil {
		return nil, fmt.Errorf("identity in %s: %w", dir, err)
	}
	return m, nil
}

// take makes a certificate the member's own.
func (m *Member) take(key *ecdsa.PrivateKey, cert, authority []byte) error {
	root, err := x509.ParseCertificate(authority)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(cert)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: leaf.NotBefore.Add(time.Hour), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return err
	}
	if !key.PublicKey.Equal(leaf.PublicKey) {
		return errors.New("the certificate is not of this key")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cert, m.roots = &tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: key, Leaf: leaf}, pool
	return nil
}

// ID is the agent's; empty before it has joined.
func (m *Member) ID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cert == nil {
		return ""
	}
	return m.cert.Leaf.Subject.CommonName
}

// Joined tells whether there is a certificate that is good at a time.
func (m *Member) Joined(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cert != nil && now.Before(m.cert.Leaf.NotAfter)
}

// Due tells whether it is time to renew: a third of the certificate's life is
// left.
func (m *Member) Due(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cert == nil {
		return false
	}
	life := m.cert.Leaf.NotAfter.Sub(m.cert.Leaf.NotBefore)
	return now.After(m.cert.Leaf.NotAfter.Add(-life / 3))
}

// TLS is how the member speaks to the edge: it trusts its authority only, and
// shows its certificate.
func (m *Member) TLS(alpn string) *tls.Config {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: m.roots, ServerName: ServerName, NextProtos: []string{alpn}}
	if m.cert != nil {
		c.Certificates = []tls.Certificate{*m.cert}
	}
	return c
}

// JoinTLS is how somebody with a token speaks to the edge: the token names the
// authority.
func JoinTLS(t Token, alpn string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: ServerName, NextProtos: []string{alpn},
		InsecureSkipVerify: true, // VerifyConnection does it, by the fingerprint
		VerifyConnection: func(s tls.ConnectionState) error {
			for _, c := range s.PeerCertificates {
				if sha256.Sum256(c.Raw) != t.Authority {
					continue
				}
				pool := x509.NewCertPool()
				pool.AddCert(c)
				_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: pool, DNSName: ServerName})
				return err
			}
			return errors.New("the edge is not the one that issued this token")
		},
	}
}

// Request makes a key and a request for its certificate. Keep takes the answer.
func (m *Member) Request() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	return key, csr, err
}

// Keep checks a certificate, writes it with its key and uses it from now on.
func (m *Member) Keep(key *ecdsa.PrivateKey, cert, authority []byte) error {
	if err := m.take(key, cert, authority); err != nil {
		return err
	}
	if err := replace(filepath.Join(m.dir, "authority.pem"), toPEM(authority)); err != nil {
		return err
	}
	return writePair(m.dir, "agent", key, cert)
}

func readPEM(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	b, _ := pem.Decode(text)
	if b == nil {
		return nil, fmt.Errorf("%s holds no PEM", name)
	}
	return b.Bytes, nil
}
