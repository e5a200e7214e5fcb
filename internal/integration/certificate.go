// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"time"

	"github.com/forelane/forelane/internal/passport"
)

// opensslTime is how events and logs have the times of a certificate.
const opensslTime = "Jan _2 15:04:05 2006 GMT"

// appendClientCert appends the viewer's certificate, as a custom domain with
// mutual TLS tells of it; nothing where none was asked for.
func appendClientCert(b []byte, c *Call) []byte {
	if len(c.Caller.Certificate) == 0 {
		return b
	}
	p, err := passport.Read(c.Caller.Certificate)
	if err != nil { // the handshake could
		return b
	}
	b = append(key(b, "clientCert"), '{')
	b = text(b, "clientCertPem", passport.PEM(c.Caller.Certificate))
	b = text(b, "subjectDN", p.Subject)
	b = text(b, "issuerDN", p.Issuer)
	b = text(b, "serialNumber", p.Serial)
	b = append(key(b, "validity"), '{')
	b = text(b, "notBefore", p.NotBefore.Format(opensslTime))
	b = text(b, "notAfter", p.NotAfter.Format(opensslTime))
	return append(b, "}}"...)
}

// certificateVar is a $context.identity.clientCert variable.
func (c *Call) certificateVar(name string) (string, bool) {
	name, ok := strings.CutPrefix(name, "identity.clientCert.")
	if !ok || len(c.Caller.Certificate) == 0 {
		return "", false
	}
	p, err := passport.Read(c.Caller.Certificate)
	if err != nil {
		return "", false
	}
	format := func(t time.Time) (string, bool) { return t.Format(opensslTime), true }
	switch name {
	case "clientCertPem":
		return passport.PEM(c.Caller.Certificate), true
	case "subjectDN":
		return p.Subject, true
	case "issuerDN":
		return p.Issuer, true
	case "serialNumber":
		return p.Serial, true
	case "validity.notBefore":
		return format(p.NotBefore)
	case "validity.notAfter":
		return format(p.NotAfter)
	}
	return "", false
}
