// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/passport"
)

// Viewers with certificates (viewer mTLS, row C14). The handshake has asked for
// one and judged it, by the terms of the distribution that SNI named. A
// connection may carry requests for other distributions all the same: so each
// request is compared with those terms, and a distribution that asks answers
// nobody whose connection was opened by other ones, or before it asked (421: a
// new connection asks anew). What the certificate says becomes
// CloudFront-Viewer-Cert-* fields, for policies, functions and origins, and the
// fields of RFC 9440 for origins that verify it themselves.

// certHeaders are the fields of a viewer's certificate. The last two go to
// origins only.
var certHeaders = [...]string{
	"CloudFront-Viewer-Cert-Present", "CloudFront-Viewer-Cert-Serial-Number", "CloudFront-Viewer-Cert-Issuer",
	"CloudFront-Viewer-Cert-Subject", "CloudFront-Viewer-Cert-Sha256", "CloudFront-Viewer-Cert-Validity", pemHeader,
}

const (
	certPrefix = "CloudFront-Viewer-Cert-"
	pemHeader  = certPrefix + "Pem"
)

// compileMutual finds the terms of a distribution that asks.
func (e *Edge) compileMutual(d *distribution) error {
	if d.m.MTLS == nil {
		return nil
	}
	if e.deps.Mutual == nil {
		return errors.New("it asks viewers for certificates, and nobody here can")
	}
	d.terms = e.deps.Mutual(d.m)
	d.mutual, d.passes = MutualID(d.m, d.terms), d.m.MTLS.Mode == model.MTLSPassthrough
	return nil
}

// MutualID is what the connections of a distribution's viewers are marked with
// (httpmsg.TLS.Mutual): the distribution and its terms.
func MutualID(d *model.Distribution, terms string) string { return d.ID + " " + terms }

// shareMutual gives a staging distribution the connections of its primary. Their
// terms are the same, so that neither is a way around the other's, and a
// promotion changes none.
func (d *distribution) shareMutual(staging *distribution) error {
	if staging.terms != d.terms {
		return fmt.Errorf("its viewers would be asked for other certificates (ViewerMtlsConfig) than those of its primary %s", d.m.LogicalID)
	}
	staging.mutual = d.mutual
	return nil
}

// identified tells whether the connection was opened by the distribution's
// terms. Cleartext ones were not, and get no further than a redirect.
func (x *Exchange) identified() bool {
	if x.dist.mutual == "" {
		return true
	}
	if _, explained := x.w.(nobody); explained { // as a viewer who got so far
		return true
	}
	t := x.rq.Viewer.TLS
	if t == nil {
		return x.rq.Scheme != "https"
	}
	return t.Mutual == x.dist.mutual
}

// certificates are what the viewer has shown to this distribution.
func (x *Exchange) certificates() [][]byte {
	if t := x.rq.Viewer.TLS; t != nil && x.dist != nil && x.dist.mutual != "" && t.Mutual == x.dist.mutual {
		return t.Certificates
	}
	return nil
}

// certHeader is the value of a CloudFront-Viewer-Cert-* header, its name in
// lower case.
func (x *Exchange) certHeader(name string) (string, bool) {
	if x.dist == nil || x.dist.mutual == "" {
		return "", false
	}
	shown := x.certificates()
	if name == "cloudfront-viewer-cert-present" {
		if len(shown) == 0 {
			return "0", true
		}
		return "1", true
	}
	if len(shown) == 0 {
		return "", false
	}
	switch name {
	case "cloudfront-viewer-cert-sha256":
		sum := sha256.Sum256(shown[0])
		return hex.EncodeToString(sum[:]), true
	case "cloudfront-viewer-cert-pem":
		if x.dist.passes {
			return "", false
		}
		return strings.ReplaceAll(url.QueryEscape(passport.PEM(shown[0])), "+", "%20"), true
	}
	c, err := passport.Read(shown[0])
	if err != nil { // the handshake could
		return "", false
	}
	switch name {
	case "cloudfront-viewer-cert-serial-number":
		return c.Serial, true
	case "cloudfront-viewer-cert-issuer":
		return c.Issuer, true
	case "cloudfront-viewer-cert-subject":
		return c.Subject, true
	case "cloudfront-viewer-cert-validity":
		return "NotBefore=" + c.NotBefore.Format(time.RFC3339) + ";NotAfter=" + c.NotAfter.Format(time.RFC3339), true
	}
	return "", false
}

// showCertificate makes the viewer's certificate visible to a function, and what
// the viewer itself says of one invisible.
func (x *Exchange) showCertificate() {
	x.hideCertificate()
	if x.dist.mutual == "" {
		return
	}
	for _, name := range certHeaders[:5] {
		if v, ok := x.certHeader(strings.ToLower(name)); ok {
			x.rq.Header.Add(name, v)
		}
	}
}

func (x *Exchange) hideCertificate() {
	ours := func(f httpmsg.Field) bool {
		return len(f.Name) > len(certPrefix) && httpmsg.EqualFold(f.Name[:len(certPrefix)], certPrefix)
	}
	if slices.ContainsFunc(x.rq.Header.Fields(), ours) {
		x.rq.Header.Filter(func(f httpmsg.Field) bool { return !ours(f) })
	}
}

// offerCertificate writes the fields of RFC 9440 for an origin that verifies
// viewers itself. None goes on that a viewer has written.
func (x *Exchange) offerCertificate(h *httpmsg.Header) {
	if x.dist.mutual == "" {
		return
	}
	h.Del("Client-Cert")
	h.Del("Client-Cert-Chain")
	shown := x.certificates()
	if !x.dist.passes || len(shown) == 0 {
		return
	}
	h.Set("Client-Cert", byteSequence(shown[0]))
	if len(shown) > 1 {
		chain := make([]string, 0, len(shown)-1)
		for _, c := range shown[1:] {
			chain = append(chain, byteSequence(c))
		}
		h.Set("Client-Cert-Chain", strings.Join(chain, ", "))
	}
}

// byteSequence is RFC 8941 3.3.5.
func byteSequence(b []byte) string { return ":" + base64.StdEncoding.EncodeToString(b) + ":" }
