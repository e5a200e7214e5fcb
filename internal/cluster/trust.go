// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"time"
)

// Nodes know each other by a secret. An Ed25519 key is derived from it; each
// node makes a key of its own at each start and signs a certificate for it with
// the derived one. Whoever shows a certificate with that signature, and has its
// key, knows the secret. Names and dates in certificates say nothing, so that
// no clock has to be right; what ends trust is another secret.

// mutualTLS is for both sides of a connection between nodes.
func mutualTLS(secret []byte, name, node string) (*tls.Config, error) {
	seed, err := hkdf.Key(sha256.New, secret, []byte(name), "forelane: authority of nodes", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	authority := ed25519.NewKeyFromSeed(seed)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	parent := &x509.Certificate{Subject: pkix.Name{CommonName: name}, PublicKey: authority.Public()}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: node},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<36, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, public, authority)
	if err != nil {
		return nil, err
	}
	verify := func(cs tls.ConnectionState) error {
		if len(cs.PeerCertificates) == 0 {
			return errors.New("cluster: the other side shows no certificate")
		}
		c := cs.PeerCertificates[0]
		if c.SignatureAlgorithm != x509.PureEd25519 || !ed25519.Verify(authority.Public().(ed25519.PublicKey), c.RawTBSCertificate, c.Signature) {
			return errors.New("cluster: the other side does not know the secret")
		}
		return nil
	}
	return &tls.Config{
		Certificates:       []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
		MinVersion:         tls.VersionTLS13,
		ClientAuth:         tls.RequireAnyClientCert, // judged by verify
		InsecureSkipVerify: true,                     // judged by verify, for a server too
		VerifyConnection:   verify,
	}, nil
}
