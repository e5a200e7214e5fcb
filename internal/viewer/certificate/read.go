// SPDX-License-Identifier: Apache-2.0

package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/crypto/ocsp"
)

// ocspSuffix makes a certificate's file the one of its OCSP response.
const ocspSuffix = ".ocsp"

// most is the size of the largest file that is read.
const most = 1 << 20

// loaded is one certificate as its files were when they last were good.
type loaded struct {
	files Files
	entry *entry
	ocsp  error    // why there is no staple, nil when there is no file
	sum   [32]byte // of what was read
}

// read reads the files. An error leaves what was there.
func (l *loaded) read() (changed bool, err error) {
	certPEM, err := readFile(l.files.Cert)
	if err != nil {
		return false, err
	}
	keyPEM := certPEM
	if l.files.Key != "" {
		if keyPEM, err = readFile(l.files.Key); err != nil {
			return false, err
		}
	}
	staple, err := readFile(l.files.Cert + ocspSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	sum := sha256.Sum256(bytes.Join([][]byte{certPEM, keyPEM, staple}, []byte{0}))
	if l.entry != nil && sum == l.sum {
		return false, nil
	}
	c, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return false, fmt.Errorf("%s: %w", l.files, err)
	}
	if len(c.Leaf.DNSNames) == 0 && len(c.Leaf.IPAddresses) == 0 {
		return false, fmt.Errorf("%s: the certificate names no host (subjectAltName)", l.files.Cert)
	}
	if l.entry != nil && time.Now().After(c.Leaf.NotAfter) {
		return false, fmt.Errorf("%s: the certificate has expired", l.files.Cert)
	}
	e := &entry{bare: &c}
	l.ocsp = nil
	if len(staple) > 0 {
		if l.ocsp = e.attach(staple); l.ocsp != nil {
			l.ocsp = fmt.Errorf("%s.ocsp: %w", l.files.Cert, l.ocsp)
		}
	}
	l.entry, l.sum = e, sum
	return true, nil
}

// attach makes e carry an OCSP response, which must be signed for it, say that
// it is good, and say until when.
func (e *entry) attach(der []byte) error {
	var issuer *x509.Certificate
	if len(e.bare.Certificate) > 1 {
		var err error
		if issuer, err = x509.ParseCertificate(e.bare.Certificate[1]); err != nil {
			return err
		}
	}
	if issuer == nil {
		return errors.New("the chain has no issuer to check it by")
	}
	r, err := ocsp.ParseResponseForCert(der, e.bare.Leaf, issuer)
	switch {
	case err != nil:
		return err
	case r.Status != ocsp.Good:
		return errors.New("it does not say that the certificate is good")
	case r.NextUpdate.IsZero():
		return errors.New("it does not say how long it is valid")
	case time.Now().After(r.NextUpdate):
		return errors.New("it is out of date")
	}
	stapled := *e.bare
	stapled.OCSPStaple = der
	e.stapled, e.from, e.until = &stapled, r.ThisUpdate, r.NextUpdate
	return nil
}

func readFile(name string) ([]byte, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if fi.Size() > most {
		return nil, fmt.Errorf("%s: too large", name)
	}
	return os.ReadFile(name)
}
