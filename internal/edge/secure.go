// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"

	"github.com/forelane/forelane/internal/edge/known"
	"github.com/forelane/forelane/internal/model"
)

// Secure is what a distribution wants of the handshake with its viewers.
type Secure struct {
	// Policy is MinimumProtocolVersion; "": the template names none.
	Policy string
	// HTTP2 and HTTP3 say that HttpVersion has them.
	HTTP2, HTTP3 bool
	// Fingerprint says that some behavior forwards JA3 or JA4.
	Fingerprint bool
	// Mutual names the terms by which viewers are asked for certificates; empty:
	// they are not.
	Mutual string
}

// Secure is what the distribution of a name wants. Known is false when the
// name is nobody's: it is the only distribution's then, and nil when there are
// several or none.
func (e *Edge) Secure(name string) (s *Secure, known bool) {
	if d, ok := e.hosts.table.Find(name); ok {
		return &d.secure, true
	}
	if e.hosts.only != nil {
		return &e.hosts.only.secure, false
	}
	return nil, false
}

func (d *distribution) secureTerms() Secure {
	return Secure{
		Mutual: d.mutual, Policy: d.m.MinimumProtocol, HTTP2: speaksHTTP2(d.m), HTTP3: speaksHTTP3(d.m),
		Fingerprint: slices.ContainsFunc(d.behaviors, func(b *behavior) bool {
			return known.Fingerprint(b.forward.Added)
		}),
	}
}

// speaksHTTP2 tells whether a distribution's HttpVersion has HTTP/2, as it has
// when the template does not say.
func speaksHTTP2(m *model.Distribution) bool {
	return m.HTTPVersion == "" || m.HTTPVersion == "http2" || m.HTTPVersion == "http2and3"
}
