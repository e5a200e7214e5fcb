// SPDX-License-Identifier: Apache-2.0

package known

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/passport"
)

// What a viewer's certificate says (row C14): CloudFront-Viewer-Cert-* fields for
// policies, functions and origins, and the fields of RFC 9440 for origins that
// verify it themselves.

const (
	certPrefix = "CloudFront-Viewer-Cert-"
	present    = certPrefix + "Present"
)

// shownToFunctions are the fields of a certificate that functions see.
var shownToFunctions = [...]string{present, certPrefix + "Serial-Number", certPrefix + "Issuer", certPrefix + "Subject", certPrefix + "Sha256"}

// ShowCertificate makes the viewer's certificate visible to a function, and what
// the viewer itself says of one invisible.
func (v Viewer) ShowCertificate() {
	h := &v.Request.Header
	HideCertificate(h)
	if !v.Asked {
		return
	}
	for _, name := range shownToFunctions {
		if value, ok := v.Value(name); ok {
			h.Add(name, value)
		}
	}
}

// HideCertificate takes the fields off.
func HideCertificate(h *httpmsg.Header) {
	ours := func(f httpmsg.Field) bool {
		return len(f.Name) > len(certPrefix) && httpmsg.EqualFold(f.Name[:len(certPrefix)], certPrefix)
	}
	if slices.ContainsFunc(h.Fields(), ours) {
		h.Filter(func(f httpmsg.Field) bool { return !ours(f) })
	}
}

// OfferCertificate writes the fields of RFC 9440 for an origin that verifies
// viewers itself. None goes on that a viewer has written.
func (v Viewer) OfferCertificate(h *httpmsg.Header) {
	if !v.Asked {
		return
	}
	h.Del("Client-Cert")
	h.Del("Client-Cert-Chain")
	if !v.Passes || len(v.Shown) == 0 {
		return
	}
	h.Set("Client-Cert", byteSequence(v.Shown[0]))
	if len(v.Shown) > 1 {
		chain := make([]string, 0, len(v.Shown)-1)
		for _, c := range v.Shown[1:] {
			chain = append(chain, byteSequence(c))
		}
		h.Set("Client-Cert-Chain", strings.Join(chain, ", "))
	}
}

// byteSequence is RFC 8941 3.3.5.
func byteSequence(b []byte) string { return ":" + base64.StdEncoding.EncodeToString(b) + ":" }

func isPresent(v Viewer) (string, bool) {
	switch {
	case !v.Asked:
		return "", false
	case len(v.Shown) == 0:
		return "0", true
	}
	return "1", true
}

func digest(v Viewer) (string, bool) {
	if len(v.Shown) == 0 {
		return "", false
	}
	sum := sha256.Sum256(v.Shown[0])
	return hex.EncodeToString(sum[:]), true
}

func pem(v Viewer) (string, bool) {
	if len(v.Shown) == 0 || v.Passes {
		return "", false
	}
	return strings.ReplaceAll(url.QueryEscape(passport.PEM(v.Shown[0])), "+", "%20"), true
}

func serial(v Viewer) (string, bool) {
	return v.read(func(c *passport.Passport) string { return c.Serial })
}

func issuer(v Viewer) (string, bool) {
	return v.read(func(c *passport.Passport) string { return c.Issuer })
}

func subject(v Viewer) (string, bool) {
	return v.read(func(c *passport.Passport) string { return c.Subject })
}

func validity(v Viewer) (string, bool) {
	return v.read(func(c *passport.Passport) string {
		return "NotBefore=" + c.NotBefore.Format(time.RFC3339) + ";NotAfter=" + c.NotAfter.Format(time.RFC3339)
	})
}

func (v Viewer) read(what func(*passport.Passport) string) (string, bool) {
	if len(v.Shown) == 0 {
		return "", false
	}
	c, err := passport.Read(v.Shown[0])
	if err != nil { // the handshake could
		return "", false
	}
	return what(c), true
}
