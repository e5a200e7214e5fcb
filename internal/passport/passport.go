// SPDX-License-Identifier: Apache-2.0

// Package passport reads what a viewer's certificate says, in the words that
// AWS's headers, events and logs have.
//
// The flow: Read takes a certificate in DER, as the handshake has seen it, and
// gives its texts.
//
// What it does not do: it verifies nothing; package viewer has done that, or has
// said that it did not.
//
// Concurrency: pure functions.
package passport

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"
)

// Passport is a certificate in words.
type Passport struct {
	Serial              string // 4a:3f:0c
	Issuer, Subject     string // as RFC 2253 writes names, in the certificate's order
	NotBefore, NotAfter time.Time
}

// Read reads a certificate.
func Read(der []byte) (*Passport, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("passport: %w", err)
	}
	p := &Passport{Serial: colons(c.SerialNumber.Bytes()), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC()}
	if p.Issuer, err = name(c.RawIssuer); err == nil {
		p.Subject, err = name(c.RawSubject)
	}
	if err != nil {
		return nil, fmt.Errorf("passport: name: %w", err)
	}
	return p, nil
}

// PEM is a certificate in PEM.
func PEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// colons writes bytes as 4a:3f:5c.
func colons(b []byte) string {
	if len(b) == 0 {
		return "00"
	}
	out := make([]byte, 0, 3*len(b))
	for i, c := range b {
		if i > 0 {
			out = append(out, ':')
		}
		out = hex.AppendEncode(out, []byte{c})
	}
	return string(out)
}

// name writes a name as RFC 2253 does. Bytes that no field may have are escaped
// as \0D: a name must not make a second field.
func name(raw []byte) (string, error) {
	var n pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw, &n); err != nil {
		return "", err
	}
	text := n.String()
	if !strings.ContainsFunc(text, control) {
		return text, nil
	}
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; control(rune(c)) {
			fmt.Fprintf(&b, "\\%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }
