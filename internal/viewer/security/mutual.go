// SPDX-License-Identifier: Apache-2.0

package security

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/hello"
)

// Mutual is how a site asks its viewers for certificates (viewer mTLS, row C14).
// It does not change once it is used.
//
// Each connection shows its certificate, and proves to have the key: a site that
// asks issues no session tickets and takes none. So a session that began before
// the site asked, or by other terms, is a full handshake, and HTTP/3 has no early
// data there. What was shown is told to the requests of the connection
// (httpmsg.TLS), by the name of these terms: who answers compares it with the
// terms of the site that the request is for, since one connection may carry
// requests for several.
type Mutual struct {
	// ID names the site with its terms. Required; other terms have another one.
	ID  string
	Ask Ask
	// CAs are the authorities that are trusted: chains end at one that has signed
	// itself, and pass through the others. Without one, no certificate is good.
	CAs []*x509.Certificate
	// Advertise tells viewers the names of CAs, so that they find the certificate
	// that is meant.
	Advertise bool
	// IgnoreExpiry takes a viewer's certificate past its last day as of that day.
	IgnoreExpiry bool
	// Closed is why nobody is let in; nil: that is decided as above.
	Closed error
}

// Ask is what a site asks for.
type Ask uint8

// The modes of ViewerMtlsConfig. The zero Ask is the strictest.
const (
	Required    Ask = iota // a good certificate
	Optional               // none, or a good one
	Passthrough            // none, or any: who gets it verifies it
)

func (a Ask) String() string {
	switch a {
	case Required:
		return "required"
	case Optional:
		return "optional"
	case Passthrough:
		return "passthrough"
	}
	return "?"
}

// Bounds of what a viewer shows. With Passthrough all of it becomes fields of
// requests.
const (
	mostCertificates = 10
	mostShown        = 16 << 10 // bytes
)

// Why a viewer is sent away. It sees an alert; the log has these.
var (
	errNoCertificate = errors.New("the viewer shows no certificate")
	errTooMuch       = errors.New("the viewer shows too many certificates, or too large ones")
	errUntold        = errors.New("nobody would learn of the viewer's certificate")
	errResumed       = errors.New("a session with a site that asks for certificates was resumed")
)

// demand makes c ask by these terms, for the one handshake of ctx.
func (m *Mutual) demand(ctx context.Context, c *tls.Config) {
	c.SessionTicketsDisabled = true
	c.ClientAuth = tls.RequestClientCert
	if m.Ask == Required {
		c.ClientAuth = tls.RequireAnyClientCert // admit verifies; an alert of its own tells who shows none
	}
	if m.Advertise {
		c.ClientCAs = x509.NewCertPool()
		for _, ca := range m.CAs {
			c.ClientCAs.AddCert(ca)
		}
	}
	c.VerifyConnection = func(st tls.ConnectionState) error { return m.admit(st, hello.From(ctx)) }
}

// admit judges what a viewer shows, and tells of it.
func (m *Mutual) admit(st tls.ConnectionState, told *httpmsg.TLS) error {
	shown := st.PeerCertificates
	switch {
	case told == nil:
		return errUntold
	case st.DidResume:
		return errResumed
	case len(shown) == 0 && m.Ask == Required:
		return errNoCertificate
	case len(shown) > mostCertificates:
		return errTooMuch
	}
	size := 0
	for _, c := range shown {
		size += len(c.Raw)
	}
	if size > mostShown {
		return errTooMuch
	}
	if len(shown) > 0 && m.Ask != Passthrough {
		if err := m.verify(shown, time.Now()); err != nil {
			return err
		}
	}
	told.Mutual = m.ID
	for _, c := range shown {
		told.Certificates = append(told.Certificates, c.Raw)
	}
	return nil
}

// verify looks for a chain from the first certificate to a trusted authority.
func (m *Mutual) verify(shown []*x509.Certificate, now time.Time) error {
	o := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, ca := range m.CAs {
		if ca.CheckSignatureFrom(ca) == nil {
			o.Roots.AddCert(ca)
		} else {
			o.Intermediates.AddCert(ca)
		}
	}
	for _, c := range shown[1:] {
		o.Intermediates.AddCert(c)
	}
	if leaf := shown[0]; m.IgnoreExpiry && now.After(leaf.NotAfter) {
		o.CurrentTime = leaf.NotAfter
	}
	if _, err := shown[0].Verify(o); err != nil {
		return fmt.Errorf("the viewer's certificate: %w", err)
	}
	return nil
}
